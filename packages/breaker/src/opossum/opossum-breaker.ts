import type CircuitBreaker from 'opossum';
import { Alarms } from '../alarms.ts';
import { type Breaker, createBreaker } from '../breaker.ts';
import { fullClock, systemClock } from '../clock.ts';
import { Tally } from '../counts.ts';
import { isRefusal, withoutStack } from '../errors.ts';
import { Hooks, type StateChange } from '../events.ts';
import { withRootCause } from '../fallback.ts';
import type { Permit } from '../guard.ts';
import type { Verdict } from '../machine.ts';
import { type BreakerOptions, standard } from '../options.ts';
import { CallSignal } from './call-signal.ts';
import { LazyStatus, type StatusProperty } from './lazy-status.ts';
import { Memory } from './memory.ts';
import { OpossumError, type OpossumErrorCode } from './opossum-error.ts';
import { breakerOptions, type OpossumBreakerOptions } from './options.ts';
import { Circuit } from './real-circuit.ts';
import { StillClock } from './still-clock.ts';

export type { OpossumBreakerOptions } from './options.ts';

/** How an action ended, as its circuit sees it. */
type Ending<TR> =
  | { readonly ok: true; readonly verdict: Verdict; readonly value: TR }
  | { readonly ok: false; readonly verdict: Verdict; readonly error: unknown };

/** A call whose action has been called. */
interface Flight {
  waiting: boolean;
  timedOut: () => void;
}

/** opossum listens to these itself, so exporters find them in `eventNames()`. */
const knownEvents = [
  'success',
  'failure',
  'fallback',
  'timeout',
  'fire',
  'reject',
  'cacheHit',
  'cacheMiss',
  'coalesceCacheHit',
  'coalesceCacheMiss',
  'open',
  'close',
  'semaphoreLocked',
];

/**
 * opossum's `CircuitBreaker` with its constructor, methods, events and statistics, decided by our
 * breaker: gobreaker's semantics, a timeout that cancels, no timers and no leaks.
 */
export class OpossumBreaker<TI extends unknown[] = unknown[], TR = unknown> extends Circuit<
  TI,
  TR
> {
  /** The breaker that decides; for its counts, `isolate`, `export` and `stats`. */
  readonly breaker: Breaker;
  readonly #clock: StillClock;
  readonly #status: LazyStatus;
  readonly #timeouts: Alarms<Flight> | undefined;
  readonly #hooks: Hooks;
  readonly #memory: Memory<TI, TR> | undefined;
  readonly #warmUntilMs: number;
  readonly #maxRequests: number;
  readonly #health: (() => void)[] = [];
  #fallback: ((...args: unknown[]) => unknown) | undefined;
  /** The call whose action is being called just now. */
  #calling: CallSignal | undefined;

  /** Whether the error was made by a circuit, ours or opossum's, and not by an action. */
  static override isOurError(error: Error): boolean {
    return error instanceof OpossumError || Circuit.isOurError(error);
  }

  /** @throws TypeError or RangeError for a bad option, naming it */
  constructor(
    action: ((...args: TI) => Promise<TR>) | TR,
    options: OpossumBreakerOptions<TI> = {},
  ) {
    const { state, allowWarmUp, clock: given = systemClock, ...rest } = options;
    const clock = new StillClock(fullClock(given));
    const status = new LazyStatus(options, clock);
    // A copy: opossum writes into its options, and what they are shared with would share it.
    super(action, { ...rest, status });
    // opossum counts by listening to itself, and decides there too.
    this.removeAllListeners();
    const { timeout, cache, coalesce } = this.options;
    this.#clock = clock;
    this.#status = status;
    this.#hooks = new Hooks(this.name);
    this.#timeouts = timeout
      ? new Alarms(this.#clock, timeout, (flight) => flight.timedOut())
      : undefined;
    const remembers = cache || coalesce;
    this.#memory = remembers ? new Memory(this.options, this.#remembered) : undefined;
    const warm = allowWarmUp === true || state?.warmUp === true;
    this.#warmUntilMs = warm ? this.#clock.now() + this.options.rollingCountTimeout : 0;
    this.breaker = createBreaker(this.#breakerOptions(options));
    this.breaker.on('stateChange', (change) => this.#changed(change));
    this.#maxRequests = options.maxRequests ?? standard.maxRequests;
    if (state) this.#restore(state);
  }

  override get closed(): boolean {
    return this.breaker.state === 'closed';
  }

  override get opened(): boolean {
    return this.breaker.state === 'open';
  }

  override get halfOpen(): boolean {
    return this.breaker.state === 'half-open';
  }

  /** Whether it is half-open and would let the next call through. */
  override get pendingClose(): boolean {
    const { requests, exclusions } = this.breaker.counts;
    return this.halfOpen && requests - exclusions < this.#maxRequests;
  }

  override get warmUp(): boolean {
    return this.#clock.now() < this.#warmUntilMs;
  }

  override eventNames(): (string | symbol)[] {
    return [...new Set([...knownEvents, ...super.eventNames()])];
  }

  /** Asked by an action as it is called: the signal of this very call. Else: the circuit's. */
  override getSignal(): AbortSignal | undefined {
    return this.#calling?.signal ?? super.getSignal();
  }

  override fallback(func: ((...args: never[]) => unknown) | CircuitBreaker): this {
    this.#fallback =
      func instanceof Circuit
        ? (...args) => func.fire(...args)
        : (func as (...args: unknown[]) => unknown);
    return this;
  }

  override call(context: unknown, ...args: TI): Promise<TR> {
    if (this.isShutdown) {
      return Promise.reject(new OpossumError('The circuit has been shutdown.', 'ESHUTDOWN'));
    }
    this.#status.count('fires', this.#clock.still());
    try {
      this.#tell('fire', args);
      return this.#call(context, args);
    } finally {
      this.#clock.go();
    }
  }

  #call(context: unknown, args: TI): Promise<TR> {
    if (!this.enabled) return this.#run(context, args);
    if (!this.#memory) return this.#protect(context, args, '');
    const key = this.options.cacheGetKey(...args);
    const known = this.#memory.recall(key);
    if (known) return Promise.resolve(known);
    const call = this.#protect(context, args, key);
    this.#memory.begun(key, call);
    return call;
  }

  override open(): void {
    if (!this.isShutdown && !this.opened) this.#import('open', this.#clock.wall());
  }

  override close(): void {
    if (!this.isShutdown && !this.closed) this.#import('closed', this.#clock.wall());
  }

  override healthCheck(func: () => Promise<void>, interval = 5_000): void {
    if (typeof func !== 'function') throw new TypeError('Health check function must be a function');
    if (Number.isNaN(Number(interval))) {
      throw new TypeError('Health check interval must be a number');
    }
    const index = this.#health.push(() => undefined) - 1;
    const check = async () => {
      this.#health[index] = this.#clock.setTimer(check, interval, false);
      try {
        await func.apply(this);
      } catch (error) {
        if (this.isShutdown) return;
        this.#tell('healthCheckFailed', error);
        this.open();
      }
    };
    check();
  }

  override shutdown(): void {
    for (const cancel of this.#health) cancel();
    super.shutdown();
  }

  override toJSON(): ReturnType<CircuitBreaker['toJSON']> {
    const { name, enabled, closed, opened: open, halfOpen, warmUp, isShutdown: shutdown } = this;
    const lastTimerAt = this.breaker.export().sinceEpochMs as never;
    const state = { name, enabled, closed, open, halfOpen, warmUp, shutdown, lastTimerAt };
    return { state, status: this.stats };
  }

  #protect(context: unknown, args: TI, key: string): Promise<TR> {
    let permit: Permit;
    try {
      permit = this.breaker.admit();
    } catch (cause) {
      return this.#rejected(cause, args);
    }
    const { promise, resolve, reject } = Promise.withResolvers<TR>();
    this.#attempt(context, args, key, (ending) => {
      permit.succeeded(ending);
      if (ending.ok) resolve(ending.value);
      else if (ending.verdict === 'success') reject(ending.error);
      else this.#answerFor(ending.error, args).then(resolve, reject);
    });
    return promise;
  }

  #rejected(cause: unknown, args: TI): Promise<TR> {
    const error = ourError('Breaker is open', 'EOPENBREAKER', { cause });
    this.#status.count('rejects', this.#clock.now());
    this.#tell('reject', error);
    return this.#answerFor(error, args);
  }

  async #answerFor(error: unknown, args: TI): Promise<TR> {
    const fallback = this.#fallback;
    if (!fallback) throw error;
    try {
      const result = fallback(...args, error);
      this.#status.count('fallbacks', this.#clock.now());
      this.#tell('fallback', result, error);
      return (await result) as TR;
    } catch (failure) {
      throw withRootCause(failure, error);
    }
  }

  #attempt(context: unknown, args: TI, key: string, end: (ending: Ending<TR>) => void): void {
    const limited = this.options.capacity < Number.MAX_SAFE_INTEGER;
    if (limited && !this.semaphore.test()) {
      end(this.#locked(key));
      return;
    }
    const startedAtMs = this.#clock.now();
    const signal = new CallSignal(this.options.abortController);
    const flight: Flight = { waiting: true, timedOut: () => undefined };
    flight.timedOut = () => {
      flight.waiting = false;
      end(this.#timedOut(args, key, startedAtMs));
      signal.abort();
    };
    const cancelTimeout = this.#timeouts?.set(flight, startedAtMs);
    this.#clock.go();
    const settled = (ending: () => Ending<TR>) => {
      if (limited) this.semaphore.release();
      if (!flight.waiting) return;
      cancelTimeout?.();
      this.#clock.still();
      end(ending());
      this.#clock.go();
    };
    this.#calling = signal;
    const work = this.#run(context, signal.handedTo(args));
    this.#calling = undefined;
    work.then(
      (value) => settled(() => this.#succeeded(value, key, startedAtMs)),
      (error) => settled(() => this.#failed(error, args, key, startedAtMs, 'error')),
    );
  }

  #run(context: unknown, args: TI): Promise<TR> {
    try {
      return Promise.resolve(this.action.apply(context, args));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #succeeded(value: TR, key: string, startedAtMs: number): Ending<TR> {
    const nowMs = this.#clock.now();
    this.#status.count('successes', nowMs, nowMs - startedAtMs);
    this.#tell('success', value, nowMs - startedAtMs);
    this.#memory?.ended(key, 'success', value);
    return { ok: true, verdict: 'success', value };
  }

  #failed(
    error: unknown,
    args: TI,
    key: string,
    startedAtMs: number,
    how: 'error' | 'timeout',
  ): Ending<TR> {
    const nowMs = this.#clock.now();
    const tookMs = nowMs - startedAtMs;
    this.#memory?.ended(key, how);
    if (isRefusal(error)) return { ok: false, verdict: 'excluded', error };
    const { errorFilter } = this.options;
    const filtered = this.#hooks.run('errorFilter', false, () => errorFilter(error, ...args));
    this.#status.count(filtered ? 'successes' : 'failures', nowMs, tookMs);
    if (filtered) this.#tell('success', error, tookMs);
    else this.#tell('failure', error, tookMs, args);
    return { ok: false, verdict: filtered ? 'success' : 'failure', error };
  }

  #timedOut(args: TI, key: string, startedAtMs: number): Ending<TR> {
    const { timeout } = this.options;
    const error = ourError(`Timed out after ${timeout}ms`, 'ETIMEDOUT');
    const nowMs = this.#clock.now();
    this.#status.count('timeouts', nowMs, nowMs - startedAtMs);
    this.#tell('timeout', error, nowMs - startedAtMs, args);
    return this.#failed(error, args, key, startedAtMs, 'timeout');
  }

  /** Never a failure of the dependency: the call did not reach it. */
  #locked(key: string): Ending<TR> {
    const error = ourError('Semaphore locked', 'ESEMLOCKED');
    this.#status.count('semaphoreRejections', this.#clock.now());
    this.#tell('semaphoreLocked', error, 0);
    this.#memory?.forget(key);
    return { ok: false, verdict: 'excluded', error };
  }

  #changed({ to }: StateChange): void {
    if (to === 'open') {
      this.#status.open();
      this.#tell('open');
      this.#watchForHalfOpen();
      return;
    }
    this.#renewAbortController();
    if (to === 'half-open') this.#tell('halfOpen', this.options.resetTimeout);
    else {
      this.#status.close();
      this.#tell('close');
    }
  }

  /** Time passes for our breaker when somebody looks; opossum tells its listeners by itself. */
  #watchForHalfOpen(): void {
    if (this.listenerCount('halfOpen') === 0) return;
    const { openMs } = this.breaker.export();
    this.#clock.setTimer(() => this.breaker.state, openMs + 1, false);
  }

  #renewAbortController(): void {
    const { autoRenewAbortController, abortController } = this.options;
    if (autoRenewAbortController && abortController?.signal.aborted) {
      this.options.abortController = new AbortController();
    }
  }

  #restore(state: NonNullable<OpossumBreakerOptions['state']>): void {
    if (state.enabled === false) this.disable();
    if (state.shutdown) this.shutdown();
    else if (state.halfOpen) this.#import('half-open', 0);
    else if (state.closed === false) {
      const { lastTimerAt } = state;
      this.#import('open', typeof lastTimerAt === 'number' ? lastTimerAt : this.#clock.wall());
    }
  }

  #import(state: 'closed' | 'open' | 'half-open', sinceEpochMs: number): void {
    const openMs = state === 'open' ? this.options.resetTimeout : 0;
    const timesOpened = state === 'closed' ? 0 : 1;
    const counts = new Tally().snapshot();
    this.breaker.import({ state, sinceEpochMs, openMs, timesOpened, counts });
  }

  #breakerOptions(options: OpossumBreakerOptions<TI>): BreakerOptions {
    const { readyToTrip, ...resolved } = breakerOptions(options, this.name);
    return {
      ...resolved,
      clock: this.#clock,
      readyToTrip: (counts) => !this.warmUp && readyToTrip(counts),
      classify: (outcome) => (outcome.ok ? (outcome.value as Ending<TR>).verdict : 'failure'),
    };
  }

  readonly #remembered = (property: StatusProperty, event: string): void => {
    this.#status.increment(property);
    this.#tell(event);
  };

  /** A listener that throws is reported, and nobody else hears of it. */
  #tell(event: string, ...args: unknown[]): void {
    if (this.listenerCount(event) === 0) return;
    this.#hooks.run(event, undefined, () => void this.emit(event, ...args));
  }
}

/** Expected and frequent, so without a stack. */
function ourError(message: string, code: OpossumErrorCode, options?: ErrorOptions): OpossumError {
  return withoutStack(() => new OpossumError(message, code, options));
}
