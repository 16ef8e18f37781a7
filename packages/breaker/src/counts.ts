/**
 * What a breaker has counted in its current window: gobreaker's six counts and two more.
 * A new window, and every change of state, begins at zero.
 */
export interface Counts {
  /** Calls admitted, those still in flight included, so `failures / requests` is diluted by them. */
  readonly requests: number;
  readonly successes: number;
  readonly failures: number;
  /** Calls whose outcome says nothing about the dependency. */
  readonly exclusions: number;
  readonly consecutiveSuccesses: number;
  readonly consecutiveFailures: number;
  /** `successes + failures`: the calls whose outcome is known. */
  readonly completed: number;
  /** Of the completed calls, those that took at least `slowCallMs`; 0 without that option. */
  readonly slow: number;
}

/** The counts as they grow, of a whole window or of one of its buckets. */
export class Tally {
  requests = 0;
  successes = 0;
  failures = 0;
  exclusions = 0;
  consecutiveSuccesses = 0;
  consecutiveFailures = 0;
  slow = 0;

  success(): void {
    this.successes += 1;
    this.consecutiveSuccesses += 1;
    this.consecutiveFailures = 0;
  }

  failure(): void {
    this.failures += 1;
    this.consecutiveFailures += 1;
    this.consecutiveSuccesses = 0;
  }

  /** Calls that were in flight then will never be heard of. */
  restore(counts: Counts): void {
    this.requests = counts.completed + counts.exclusions;
    this.successes = counts.successes;
    this.failures = counts.failures;
    this.exclusions = counts.exclusions;
    this.consecutiveSuccesses = counts.consecutiveSuccesses;
    this.consecutiveFailures = counts.consecutiveFailures;
    this.slow = counts.slow;
  }

  snapshot(): Counts {
    const { requests, successes, failures, exclusions, slow } = this;
    const { consecutiveSuccesses, consecutiveFailures } = this;
    return {
      requests,
      successes,
      failures,
      exclusions,
      consecutiveSuccesses,
      consecutiveFailures,
      completed: successes + failures,
      slow,
    };
  }
}

/** The names of all counts. */
export const countNames: readonly (keyof Counts)[] = [
  'requests',
  'successes',
  'failures',
  'exclusions',
  'consecutiveSuccesses',
  'consecutiveFailures',
  'completed',
  'slow',
];
