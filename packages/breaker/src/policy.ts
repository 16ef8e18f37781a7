import { announce } from './announce.ts';
import { Bulkhead, type BulkheadOptions } from './bulkhead.ts';
import { callable, text } from './check.ts';
import { type Clock, fullClock, systemClock } from './clock.ts';
import { Deadline } from './deadline.ts';
import { Hooks } from './events.ts';
import { Execution, type Parts, type Totals } from './execution.ts';
import { Fallback, type FallbackFunction } from './fallback.ts';
import type { Guard } from './guard.ts';
import { Retry, type RetryOptions } from './retry.ts';
import { Timeout } from './timeout.ts';
import type { CallContext, CallOptions, Work } from './work.ts';

/**
 * The parts of a policy; each is there only if it is given. From the outside in:
 * deadline( fallback( retry( breaker( bulkhead( timeout( work )))))).
 */
export interface PolicyOptions<F = never> {
  /** Shown in errors and metrics. Default `'policy'`. */
  readonly name?: string;
  /** For the whole, retries and waiting included, in ms. Default: none. */
  readonly deadlineMs?: number;
  /** Answers instead of a call that failed or was refused. Default: none. */
  readonly fallback?: FallbackFunction<F>;
  /** Default: no retries. */
  readonly retry?: RetryOptions;
  /** Default: none. */
  readonly breaker?: Guard;
  /** Default: any number of calls at once. */
  readonly bulkhead?: BulkheadOptions;
  /** For each attempt, in ms; aborts `ctx.signal`. Default: none. */
  readonly timeoutMs?: number;
  /** Default: `performance.now()`, `Date.now()` and `setTimeout`. */
  readonly clock?: Clock | undefined;
}

/** Numbers since the policy was created; all but `running` and `queued` only grow. */
export interface PolicyStats {
  /** Calls made, and how they ended for the caller; a fallback's answer is a success. */
  readonly calls: number;
  readonly successes: number;
  readonly failures: number;
  /** Of the failures, those the caller aborted, and those at the deadline. */
  readonly aborts: number;
  readonly deadlines: number;
  readonly fallbacks: number;
  readonly retries: number;
  /** Retries that the budget did not allow. */
  readonly retriesDenied: number;
  readonly timeouts: number;
  /** Calls that run in the bulkhead now, and calls that wait for a place there. */
  readonly running: number;
  readonly queued: number;
  readonly bulkheadRefused: number;
}

/**
 * Creates a policy: the ways of coping with a dependency, put around a call in the one order in
 * which they help each other.
 *
 * @throws TypeError or RangeError for a bad option, naming it
 */
export function createPolicy<F = never>(options: PolicyOptions<F>): Policy<F> {
  return new Policy(options);
}

/** What every part used alone can be given as well. */
type Named = Pick<PolicyOptions, 'name' | 'clock'>;

/** Retries alone: a policy with nothing else in it. Throws as `createPolicy`. */
export function createRetry({
  name = 'retry',
  clock,
  ...retry
}: RetryOptions & Named = {}): Policy {
  return createPolicy({ name, retry, clock });
}

/** A bulkhead alone: a policy with nothing else in it. Throws as `createPolicy`. */
export function createBulkhead({
  name = 'bulkhead',
  clock,
  ...bulkhead
}: BulkheadOptions & Named): Policy {
  return createPolicy({ name, bulkhead, clock });
}

/** A timeout alone: a policy with nothing else in it. Throws as `createPolicy`. */
export function createTimeout(timeoutMs: number, { name = 'timeout', clock }: Named = {}): Policy {
  return createPolicy({ name, timeoutMs, clock });
}

/** A fallback alone: a policy with nothing else in it. Throws as `createPolicy`. */
export function createFallback<F>(
  fallback: FallbackFunction<F>,
  { name = 'fallback', clock }: Named = {},
): Policy<F> {
  return createPolicy({ name, fallback, clock });
}

/** The parts that the options ask for. Throws as `createPolicy`. */
export function createParts<F>(name: string, options: PolicyOptions<F>): Parts {
  const { deadlineMs, fallback, retry, breaker, bulkhead, timeoutMs } = options;
  text('name', name);
  callable('clock.now', (options.clock ?? systemClock).now);
  const clock = fullClock(options.clock ?? systemClock);
  if (breaker) callable('breaker.admit', breaker.admit);
  return {
    clock,
    deadline: new Deadline(deadlineMs, name, clock),
    fallback: fallback && new Fallback(fallback),
    retry: retry && new Retry(retry, clock, new Hooks(name)),
    breaker,
    bulkhead: bulkhead && new Bulkhead(bulkhead, name, clock),
    timeout: timeoutMs === undefined ? undefined : new Timeout(timeoutMs, name, clock),
  };
}

/** Holds nothing that needs closing: its timers do not keep the process alive. */
export class Policy<F = never> {
  /** The policy's name, as its errors and metrics show it. */
  readonly name: string;
  readonly #parts: Parts;
  readonly #totals: Totals = { successes: 0, failures: 0, aborts: 0, deadlines: 0 };
  #calls = 0;

  constructor(options: PolicyOptions<F>) {
    const { name = 'policy' } = options;
    this.name = name;
    this.#parts = createParts(name, options);
    announce(this);
  }

  /** For telemetry: what sort of component this is. */
  get kind(): 'policy' {
    return 'policy';
  }

  /**
   * Calls `fn` within the policy. With a fallback, what that answers comes in the place of an error.
   *
   * @throws what `fn` threw last; BreakerOpenError, HalfOpenBusyError, BulkheadFullError,
   * CallTimeoutError, DeadlineError; the signal's reason when it is aborted
   */
  execute<T>(fn: Work<T>, options: CallOptions = {}): Promise<Awaited<T> | Awaited<F>> {
    this.#calls += 1;
    const execution = new Execution(this.#parts, this.#totals, fn, options);
    return execution.start() as Promise<Awaited<T> | Awaited<F>>;
  }

  /** The function with the policy around it: `ctx` is added, the other arguments are the caller's. */
  wrap<A extends unknown[], T>(
    fn: (ctx: CallContext, ...args: A) => T,
  ): (...args: A) => Promise<Awaited<T> | Awaited<F>> {
    return (...args) => this.execute((ctx) => fn(ctx, ...args));
  }

  /** Numbers since the policy was created. */
  stats(): PolicyStats {
    const { fallback, retry, bulkhead, timeout } = this.#parts;
    const { successes, failures, aborts, deadlines } = this.#totals;
    return {
      calls: this.#calls,
      successes,
      failures: failures + aborts + deadlines,
      aborts,
      deadlines,
      fallbacks: fallback?.fallbacks ?? 0,
      retries: retry?.retries ?? 0,
      retriesDenied: retry?.denied ?? 0,
      timeouts: timeout?.timeouts ?? 0,
      running: bulkhead?.running ?? 0,
      queued: bulkhead?.queued ?? 0,
      bulkheadRefused: bulkhead?.refused ?? 0,
    };
  }
}
