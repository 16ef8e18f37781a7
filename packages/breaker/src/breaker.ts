import { announce } from './announce.ts';
import { type FullClock, fullClock } from './clock.ts';
import type { Counts } from './counts.ts';
import { BreakerOpenError, HalfOpenBusyError, withoutStack } from './errors.ts';
import { type BreakerEvents, Hooks } from './events.ts';
import { Execution } from './execution.ts';
import type { Guard, Permit } from './guard.ts';
import { Ledger } from './ledger.ts';
import { type BreakerState, Machine, REFUSED } from './machine.ts';
import { type BreakerOptions, type ResolvedBreakerOptions, resolveOptions } from './options.ts';
import { Rules } from './rules.ts';
import { type BreakerSnapshot, checkSnapshot } from './snapshot.ts';
import { type BreakerStats, Totals } from './stats.ts';
import { type CallContext, type CallOptions, unlimited, type Work } from './work.ts';

/** Ends an isolation; also by `using`. */
export interface Isolation extends Disposable {
  /** Lets trial calls decide how it goes on. Calling it again does nothing. */
  release(): void;
}

/**
 * Creates a breaker: it lets calls through while they go well, refuses them while they do not, and
 * finds out by a few trial calls whether they would again.
 *
 * @throws TypeError or RangeError for a bad option, naming it
 */
export function createBreaker(options: BreakerOptions = {}): Breaker {
  return new Breaker(resolveOptions(options));
}

/** A breaker keeps its own totals. */
const ignored = { successes: 0, failures: 0, aborts: 0, deadlines: 0 };

/** Holds nothing that needs closing: no timer, no connection. */
export class Breaker implements Guard {
  /** The breaker's name, as its errors and metrics show it. */
  readonly name: string;
  readonly #clock: FullClock;
  readonly #machine: Machine;
  readonly #hooks: Hooks;
  readonly #totals = new Totals();
  readonly #ledger: Ledger;
  #isolations = 0;

  constructor(options: ResolvedBreakerOptions) {
    this.name = options.name;
    this.#clock = fullClock(options.clock);
    this.#hooks = new Hooks(options.name);
    const rules = new Rules(options, this.#hooks, this.#totals);
    this.#machine = new Machine(options, rules, this.#clock.now());
    this.#ledger = new Ledger(options, this.#clock, this.#machine, rules, this.#totals);
    announce(this);
  }

  /** For telemetry: what sort of component this is. */
  get kind(): 'breaker' {
    return 'breaker';
  }

  /** `'closed'`, `'open'` or `'half-open'`, now. */
  get state(): BreakerState {
    return this.#machine.look(this.#clock.now()).kind;
  }

  /** What has been counted in the current window, now: a copy. */
  get counts(): Counts {
    return this.#machine.look(this.#clock.now()).tally.snapshot();
  }

  /** Whether an isolation is in force. */
  get isolated(): boolean {
    return this.#isolations > 0;
  }

  /** Numbers since the breaker was created; they only grow. */
  stats(): BreakerStats {
    const { state } = this;
    const latency = this.#ledger.latency?.snapshot();
    return this.#totals.snapshot(state, this.#isolations, this.#hooks.errors, latency);
  }

  /**
   * Calls `fn` and settles as it does, unless the breaker refuses.
   *
   * @throws BreakerOpenError, HalfOpenBusyError when refused; the signal's reason when it is aborted
   */
  execute<T>(fn: Work<T>, options?: CallOptions): Promise<Awaited<T>> {
    if (options) return this.#executeFor(fn, options);
    const nowMs = this.#clock.now();
    const generation = this.#machine.admit(nowMs);
    if (generation === REFUSED) return Promise.reject(this.#refusal(nowMs));
    const { passed, thrown } = this.#ledger.open(generation, nowMs);
    try {
      return Promise.resolve(fn(unlimited)).then(passed, thrown) as Promise<Awaited<T>>;
    } catch (error) {
      return Promise.reject(error).catch(thrown);
    }
  }

  /**
   * The two steps of `execute` apart, for work that is no function to be called (gobreaker's
   * two-step breaker): leave for one call, which must be told how the call has ended.
   *
   * @throws BreakerOpenError, HalfOpenBusyError when refused
   */
  admit(): Permit {
    const nowMs = this.#clock.now();
    const generation = this.#machine.admit(nowMs);
    if (generation === REFUSED) throw this.#refusal(nowMs);
    return this.#ledger.open(generation, nowMs);
  }

  /** The function with the breaker around it: `ctx` is added, the other arguments are the caller's. */
  wrap<A extends unknown[], T>(
    fn: (ctx: CallContext, ...args: A) => T,
  ): (...args: A) => Promise<Awaited<T>> {
    return (...args) => this.execute((ctx) => fn(ctx, ...args));
  }

  /** Refuses every call until each isolation has been released, whatever the calls in flight say. */
  isolate(): Isolation {
    this.#isolations += 1;
    this.#machine.isolate(this.#clock.now());
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      this.#isolations -= 1;
      if (this.#isolations === 0) this.#machine.release();
    };
    return { release, [Symbol.dispose]: release };
  }

  /**
   * Calls `listener` on every `'stateChange'`, or when a function given by the user throws
   * (`'hookError'`). Time passes for a breaker only when somebody looks, so does the change to half-open.
   *
   * @returns a function that takes the listener off again
   */
  on<E extends keyof BreakerEvents>(
    event: E,
    listener: (event: BreakerEvents[E]) => void,
  ): () => void {
    return this.#hooks.on(event, listener);
  }

  /** The state as plain data. An isolation is not carried: trials would decide in its place. */
  export(): BreakerSnapshot {
    const nowMs = this.#clock.now();
    const wallMs = this.#clock.wall();
    const { timesOpened } = this.#machine;
    const state = this.#machine.look(nowMs);
    const { kind, tally } = state;
    const counts = tally.snapshot();
    if (kind === 'half-open' || this.isolated) {
      return { state: 'half-open', sinceEpochMs: wallMs, openMs: 0, timesOpened, counts };
    }
    const openMs = kind === 'open' ? state.untilMs - state.sinceMs : 0;
    const sinceEpochMs = wallMs - (nowMs - state.sinceMs);
    return { state: kind, sinceEpochMs, openMs, timesOpened, counts };
  }

  /**
   * Takes over what `export` gave, here or in another process: an open breaker goes on being open
   * for what is left of its time by the wall clock. Does nothing while isolated.
   *
   * @throws TypeError or RangeError for a bad snapshot, naming the field
   */
  import(snapshot: BreakerSnapshot): void {
    checkSnapshot(snapshot);
    if (this.isolated) return;
    const nowMs = this.#clock.now();
    // Another host's clock may be ahead of ours: what is to come has begun just now.
    const ageMs = Math.max(0, this.#clock.wall() - snapshot.sinceEpochMs);
    this.#machine.restore(snapshot, nowMs - ageMs);
    this.#machine.look(nowMs);
  }

  #executeFor<T>(fn: Work<T>, options: CallOptions): Promise<Awaited<T>> {
    const parts = { clock: this.#clock, breaker: this };
    return new Execution(parts, ignored, fn, options).start() as Promise<Awaited<T>>;
  }

  #refusal(nowMs: number): Error {
    const state = this.#machine.look(nowMs);
    if (state.kind !== 'open') {
      this.#totals.refusedHalfOpen += 1;
      return withoutStack(() => new HalfOpenBusyError(this.name));
    }
    this.#totals.refusedOpen += 1;
    return withoutStack(() => new BreakerOpenError(this.name, state.untilMs - nowMs));
  }
}
