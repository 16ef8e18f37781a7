export type { BackoffOptions } from './backoff.ts';
export { type Breaker, createBreaker, type Isolation } from './breaker.ts';
export type { BulkheadOptions } from './bulkhead.ts';
export type { Clock } from './clock.ts';
export type { Counts } from './counts.ts';
export {
  type BreakerErrorCode,
  BreakerOpenError,
  BulkheadFullError,
  CallTimeoutError,
  DeadlineError,
  HalfOpenBusyError,
} from './errors.ts';
export type { BreakerEvents, HookError, StateChange } from './events.ts';
export type { FallbackFunction } from './fallback.ts';
export type { Guard, Permit } from './guard.ts';
export type { LatencyHistogram } from './histogram.ts';
export type { BreakerState, Verdict } from './machine.ts';
export type { BreakerOptions, Outcome } from './options.ts';
export {
  createBulkhead,
  createFallback,
  createPolicy,
  createRetry,
  createTimeout,
  type Policy,
  type PolicyOptions,
  type PolicyStats,
} from './policy.ts';
export {
  type BreakerRegistry,
  type BreakerRegistryOptions,
  type BreakerRegistryStats,
  createBreakerRegistry,
} from './registry.ts';
export type { RetryOptions } from './retry.ts';
export { createRetryBudget, type RetryBudget, type RetryBudgetOptions } from './retry-budget.ts';
export type { BreakerSnapshot } from './snapshot.ts';
export type { BreakerStats } from './stats.ts';
export type { CallContext, CallOptions, Work } from './work.ts';
