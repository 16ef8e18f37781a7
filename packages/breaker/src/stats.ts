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
}

const stateNumbers = { closed: 0, 'half-open': 1, open: 2 } as const;

/** The counters behind `stats()`; verdicts are counted under their own names. */
export class Totals {
  admitted = 0;
  success = 0;
  failure = 0;
  excluded = 0;
  slow = 0;
  refusedOpen = 0;
  refusedHalfOpen = 0;
  readonly #changes = { closed: 0, 'half-open': 0, open: 0 };

  changed(to: BreakerState): void {
    this.#changes[to] += 1;
  }

  snapshot(state: BreakerState, isolations: number, hookErrors: number): BreakerStats {
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
      opened: this.#changes.open,
      halfOpened: this.#changes['half-open'],
      closed: this.#changes.closed,
      hookErrors,
    };
  }
}
