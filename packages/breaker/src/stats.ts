import type { LatencyHistogram } from './histogram.ts';
import type { BreakerState } from './machine.ts';

/** Numbers since the breaker was created. All but `state` and `isolations` only grow. */
export interface BreakerStats {
  /** 0 closed, 1 half-open, 2 open. */
  readonly state: number;
  /** Isolations in force. */
  readonly isolations: number;
  /** Calls let through. */
  readonly admitted: number;
  readonly successes: number;
  readonly failures: number;
  readonly exclusions: number;
  /** Completed calls that took at least `slowCallMs`. */
  readonly slow: number;
  /** Calls refused because the breaker was open. */
  readonly refusedOpen: number;
  /** Calls refused because the trial calls of half-open were taken. */
  readonly refusedHalfOpen: number;
  /** How often it changed to open, to half-open, back to closed. */
  readonly opened: number;
  readonly halfOpened: number;
  readonly closed: number;
  /** How often a listener, `classify`, `readyToTrip` or `openMs` threw. */
  readonly hookErrors: number;
  /** How long completed calls took; there with `measureLatency`. */
  readonly latency?: LatencyHistogram;
}

const stateNumbers = { closed: 0, 'half-open': 1, open: 2 } as const;

/** The counters behind `stats()`; verdicts and changes of state are counted under their own names. */
export class Totals {
  admitted = 0;
  success = 0;
  failure = 0;
  excluded = 0;
  slow = 0;
  refusedOpen = 0;
  refusedHalfOpen = 0;
  closed = 0;
  'half-open' = 0;
  open = 0;

  snapshot(
    state: BreakerState,
    isolations: number,
    hookErrors: number,
    latency: LatencyHistogram | undefined,
  ): BreakerStats {
    return {
      state: stateNumbers[state],
      isolations,
      admitted: this.admitted,
      successes: this.success,
      failures: this.failure,
      exclusions: this.excluded,
      slow: this.slow,
      refusedOpen: this.refusedOpen,
      refusedHalfOpen: this.refusedHalfOpen,
      opened: this.open,
      halfOpened: this['half-open'],
      closed: this.closed,
      hookErrors,
      ...(latency && { latency }),
    };
  }
}
