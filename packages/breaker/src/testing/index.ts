export { failingCall, hangingCall, slowCall } from './calls.ts';
export { createManualClock, type ManualClock } from './manual-clock.ts';
export { createStuckBreaker } from './stuck-breaker.ts';
