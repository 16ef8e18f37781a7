export { type ManualClock, manualClock } from './manual-clock.ts';
export { type ScriptedBackend, type ScriptedCall, scriptedBackend } from './scripted-backend.ts';
