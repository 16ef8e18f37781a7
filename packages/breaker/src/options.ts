import { callable, duration, oneOf, positiveInteger, text } from './check.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Counts } from './counts.ts';
import type { Verdict } from './machine.ts';

/** How a protected call ended. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** The settings of a breaker; each has a default. */
export interface BreakerOptions {
  /** Shown in errors, events and metrics. Default `'breaker'`. */
  readonly name?: string;
  /** Trial calls let through while half-open; as many successes in a row close it. Default 3. */
  readonly maxRequests?: number;
  /** While closed, the counts are cleared this often, in ms; 0: never. Default 60,000. */
  readonly intervalMs?: number;
  /**
   * Greater than 0: instead of being cleared at once, the counts roll over `intervalMs` in buckets
   * of this size, in ms, at most 10,000 of them. Costs a second reading of the clock per call.
   * Default 0.
   */
  readonly bucketMs?: number;
  /**
   * How long it stays open before it lets trial calls through, in ms, or a function of how many
   * times in a row it has opened (1 at first). Default 30,000.
   */
  readonly openMs?: number | ((timesOpened: number) => number);
  /**
   * Asked after each failure (and slow call) while closed; true opens the breaker.
   * Default: at least 3 requests, and at least 60 % of them failed.
   */
  readonly readyToTrip?: (counts: Counts) => boolean;
  /**
   * What an outcome says about the dependency. Never asked about an abort by the caller or a refusal
   * further in: these are excluded. Default: an error is a failure, everything else a success.
   */
  readonly classify?: (outcome: Outcome) => Verdict;
  /**
   * A completed call that took at least this long, in ms, also counts in `counts.slow`.
   * Costs a second reading of the clock per call. Default `Infinity`: off.
   */
  readonly slowCallMs?: number;
  /**
   * Whether `stats()` tells how long calls took. Costs a second reading of the clock per call.
   * Default: if `slowCallMs` is given.
   */
  readonly measureLatency?: boolean;
  /**
   * A trial call that has not settled after this many ms counts as a failure; `Infinity`: it blocks
   * its place for ever, as in gobreaker. Default 60,000.
   */
  readonly maxHalfOpenMs?: number;
  /** Default: `performance.now()` and `Date.now()`. */
  readonly clock?: Clock;
}

export type ResolvedBreakerOptions = Required<BreakerOptions>;

interface Standard extends Required<Omit<BreakerOptions, 'clock' | 'measureLatency'>> {
  readonly openMs: number;
}

/** The defaults of the options that have a constant one. */
export const standard: Standard = {
  name: 'breaker',
  maxRequests: 3,
  intervalMs: 60_000,
  bucketMs: 0,
  openMs: 30_000,
  readyToTrip: ({ requests, failures }) => requests >= 3 && failures / requests >= 0.6,
  classify: (outcome) => (outcome.ok ? 'success' : 'failure'),
  slowCallMs: Number.POSITIVE_INFINITY,
  maxHalfOpenMs: 60_000,
};

/** More buckets than that are a slip in the unit, and memory for nothing. */
const maxBuckets = 10_000;

/** @throws TypeError or RangeError that names the field and the value */
export function resolveOptions(options: BreakerOptions): ResolvedBreakerOptions {
  const {
    name = standard.name,
    maxRequests = standard.maxRequests,
    intervalMs = standard.intervalMs,
    bucketMs = standard.bucketMs,
    openMs = standard.openMs,
    readyToTrip = standard.readyToTrip,
    classify = standard.classify,
    slowCallMs = standard.slowCallMs,
    measureLatency = slowCallMs !== standard.slowCallMs,
    maxHalfOpenMs = standard.maxHalfOpenMs,
    clock = systemClock,
  } = options;
  const resolved = {
    name,
    maxRequests,
    intervalMs,
    bucketMs,
    openMs,
    readyToTrip,
    classify,
    slowCallMs,
    measureLatency,
    maxHalfOpenMs,
    clock,
  };
  text('name', resolved.name);
  positiveInteger('maxRequests', resolved.maxRequests);
  duration('intervalMs', resolved.intervalMs, 0);
  duration('bucketMs', resolved.bucketMs, 0);
  if (bucketMs > 0 && intervalMs / bucketMs > maxBuckets) {
    throw new RangeError(`bucketMs must be at least intervalMs / ${maxBuckets}, got ${bucketMs}`);
  }
  if (typeof resolved.openMs !== 'function') validOpenMs(resolved.openMs);
  callable('readyToTrip', resolved.readyToTrip);
  callable('classify', resolved.classify);
  duration('slowCallMs', resolved.slowCallMs, 0, Number.POSITIVE_INFINITY);
  oneOf('measureLatency', resolved.measureLatency, [true, false]);
  duration('maxHalfOpenMs', resolved.maxHalfOpenMs, 1, Number.POSITIVE_INFINITY);
  callable('clock.now', resolved.clock.now);
  return resolved;
}

export function validOpenMs(value: number): number {
  duration('openMs', value, 1);
  return value;
}

const verdicts: readonly Verdict[] = ['success', 'failure', 'excluded'];

export function validVerdict(value: Verdict): Verdict {
  if (!verdicts.includes(value)) throw new TypeError(`classify answered ${String(value)}`);
  return value;
}
