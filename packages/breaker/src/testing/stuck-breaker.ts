import { type Breaker, createBreaker } from '../breaker.ts';
import type { BreakerState } from '../machine.ts';
import type { BreakerOptions } from '../options.ts';

/**
 * Creates a breaker that stays in `state` whatever happens: a closed one never trips, an open one
 * refuses every call with `BreakerOpenError`, a half-open one with `HalfOpenBusyError`.
 */
export function createStuckBreaker(
  state: BreakerState,
  options: Pick<BreakerOptions, 'name' | 'openMs' | 'maxRequests'> = {},
): Breaker {
  const clock = { now: () => 0, wall: () => 0 };
  const maxHalfOpenMs = Number.POSITIVE_INFINITY;
  const breaker = createBreaker({ ...options, readyToTrip: () => false, maxHalfOpenMs, clock });
  const { openMs = 30_000, maxRequests = 3 } = options;
  const stuckMs = typeof openMs === 'function' ? openMs(1) : openMs;
  breaker.import({ ...breaker.export(), state, openMs: stuckMs, timesOpened: 1 });
  if (state === 'half-open') {
    for (let trial = 0; trial < maxRequests; trial += 1) {
      breaker.execute(() => new Promise(() => undefined));
    }
  }
  return breaker;
}
