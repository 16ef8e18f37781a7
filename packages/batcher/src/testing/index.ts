export { ManualClock } from './manual-clock.ts';
export { type ScriptedBackend, type ScriptedCall, scriptedBackend } from './scripted-backend.ts';
