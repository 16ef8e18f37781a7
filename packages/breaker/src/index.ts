export {
  type Breaker,
  type CallOptions,
  createBreaker,
  type Isolation,
} from './breaker.ts';
export type { Clock } from './clock.ts';
export type { CallContext } from './context.ts';
export type { Counts } from './counts.ts';
export { type BreakerErrorCode, BreakerOpenError, HalfOpenBusyError } from './errors.ts';
export type { BreakerEvents, HookError, StateChange } from './events.ts';
export type { BreakerState, Verdict } from './machine.ts';
export type { BreakerOptions, Outcome } from './options.ts';
export type { BreakerStats } from './stats.ts';
