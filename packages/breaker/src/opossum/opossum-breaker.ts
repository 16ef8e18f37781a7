import type CircuitBreaker from 'opossum';
import { Alarms } from '../alarms.ts';
import { type Breaker, createBreaker } from '../breaker.ts';
import { fullClock, systemClock } from '../clock.ts';
import { Tally } from '../counts.ts';
import { Hooks, type StateChange } from '../events.ts';
import { withRootCause } from '../fallback.ts';
import type { Permit } from '../guard.ts';
import { type BreakerOptions, standard } from '../options.ts';
import { Firing, type Range } from './firing.ts';
import { Journal } from './journal.ts';
import { LazyStatus, type StatusProperty } from './lazy-status.ts';
import { Memory } from './memory.ts';
import { OpossumError, ourError } from './opossum-error.ts';
import { breakerOptions, type OpossumBreakerOptions } from './options.ts';
import { Circuit } from './real-circuit.ts';
import { StillClock } from './still-clock.ts';

export type { OpossumBreakerOptions } from './options.ts';

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
  readonly #journal: Journal;
  readonly #memory: Memory<TI, TR> | undefined;
  readonly #range: Range<TI, TR>;
  readonly #warmUntilMs: number;
  readonly #maxRequests: number;
  readonly #openMs: NonNullable<BreakerOptions['openMs']>;
  readonly #health: (() => void)[] = [];
  #fallback: ((...args: unknown[]) => unknown) | undefined;
  /** The call whose action is being called just now. */
  #calling: Firing<TI, TR> | undefined;

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
    super.removeAllListeners();
    const { timeout, cache, coalesce } = this.options;
    this.#clock = clock;
    this.#status = status;
    const hooks = new Hooks(this.name);
    const journal = new Journal(this, status, hooks);
    this.#journal = journal;
    const remembered = (property: StatusProperty, event: string) => {
      status.increment(property);
      journal.tell(event);
    };
    this.#memory = cache || coalesce ? new Memory(this.options, remembered) : undefined;
    this.#range = {
      options: this.options,
      semaphore: this.semaphore,
      clock,
      timeouts: timeout ? new Alarms(clock, timeout, (firing) => firing.timedOut()) : undefined,
      journal,
      hooks,
      memory: this.#memory,
      run: (firing, context, args) => this.#run(firing, context, args),
      answerFor: (error, args) => this.#answerFor(error, args),
    };
    const warm = allowWarmUp === true || state?.warmUp === true;
    this.#warmUntilMs = warm ? this.#clock.now() + this.options.rollingCountTimeout : 0;
    this.breaker = createBreaker(this.#breakerOptions(options));
    this.breaker.on('stateChange', (change) => this.#changed(change));
    this.#maxRequests = options.maxRequests ?? standard.maxRequests;
    this.#openMs = options.openMs ?? this.options.resetTimeout;
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
    const heard = super.eventNames().filter((event) => event !== 'newListener');
    return [...new Set([...knownEvents, ...heard])];
  }

  override removeAllListeners(event?: string | symbol): this {
    if (event === undefined) super.removeAllListeners();
    else super.removeAllListeners(event);
    if (event === undefined || event === 'newListener') this.#journal.listen();
    return this;
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

  override fire(...args: TI): Promise<TR> {
    return this.#fire(this.action, args);
  }

  override call(context: unknown, ...args: TI): Promise<TR> {
    return this.#fire(context, args);
  }

  #fire(context: unknown, args: TI): Promise<TR> {
    if (this.isShutdown) {
      return Promise.reject(new OpossumError('The circuit has been shutdown.', 'ESHUTDOWN'));
    }
    this.#journal.count('fires', this.#clock.still());
    try {
      this.#journal.tell('fire', args);
      return this.#call(context, args);
    } finally {
      this.#clock.go();
    }
  }

  #call(context: unknown, args: TI): Promise<TR> {
    if (!this.enabled) return this.#run(undefined, context, args);
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
        this.#journal.tell('healthCheckFailed', error);
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
    return new Firing(this.#range, permit, args, key).start(context);
  }

  #rejected(cause: unknown, args: TI): Promise<TR> {
    const error = ourError('Breaker is open', 'EOPENBREAKER', { cause });
    this.#journal.count('rejects', this.#clock.now());
    this.#journal.tell('reject', error);
    return this.#answerFor(error, args);
  }

  async #answerFor(error: unknown, args: TI): Promise<TR> {
    const fallback = this.#fallback;
    if (!fallback) throw error;
    try {
      const result = fallback(...args, error);
      this.#journal.count('fallbacks', this.#clock.now());
      this.#journal.tell('fallback', result, error);
      return (await result) as TR;
    } catch (failure) {
      throw withRootCause(failure, error);
    }
  }

  #run(firing: Firing<TI, TR> | undefined, context: unknown, args: TI): Promise<TR> {
    this.#calling = firing;
    try {
      return Promise.resolve(this.action.apply(context, this.#withOwnSignal(firing, args)));
    } catch (error) {
      return Promise.reject(error);
    } finally {
      this.#calling = undefined;
    }
  }

  /** A call that is handed the signal that all share is given its own in its place. */
  #withOwnSignal(firing: Firing<TI, TR> | undefined, args: TI): TI {
    const shared = this.options.abortController?.signal;
    if (!shared || !firing || !args.includes(shared)) return args;
    return args.map((arg) => (arg === shared ? firing.signal : arg)) as TI;
  }

  #changed({ to }: StateChange): void {
    if (to === 'open') {
      this.#status.open();
      this.#journal.tell('open');
      this.#watchForHalfOpen();
      return;
    }
    this.#renewAbortController();
    if (to === 'half-open') this.#journal.tell('halfOpen', this.options.resetTimeout);
    else {
      this.#status.close();
      this.#journal.tell('close');
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
    const openMs = state === 'open' ? this.#firstOpenMs() : 0;
    const timesOpened = state === 'closed' ? 0 : 1;
    const counts = new Tally().snapshot();
    this.breaker.import({ state, sinceEpochMs, openMs, timesOpened, counts });
  }

  #firstOpenMs(): number {
    const openMs = this.#openMs;
    return typeof openMs === 'function' ? openMs(1) : openMs;
  }

  #breakerOptions(options: OpossumBreakerOptions<TI>): BreakerOptions {
    const { readyToTrip, ...resolved } = breakerOptions(options, this.name);
    return {
      ...resolved,
      clock: this.#clock,
      readyToTrip: (counts) => !this.warmUp && readyToTrip(counts),
    };
  }
}
