export { failingCall, hangingCall, slowCall } from './calls.ts';
export { type ManualClock, manualClock } from './manual-clock.ts';
export { createStuckBreaker } from './stuck-breaker.ts';
