import { announce } from './announce.ts';
import { type FullClock, fullClock } from './clock.ts';
import type { Counts } from './counts.ts';
import {
  abandoned,
  BreakerOpenError,
  HalfOpenBusyError,
  isRefusal,
  withoutStack,
} from './errors.ts';
import { type BreakerEvents, Hooks } from './events.ts';
import { Attempt, type CallContext, type CallOptions, Execution, type Work } from './execution.ts';
import { type BreakerState, Machine, type MachineRules, REFUSED, type Verdict } from './machine.ts';
import {
  type BreakerOptions,
  type Outcome,
  type ResolvedBreakerOptions,
  resolveOptions,
  standard,
  validOpenMs,
  validVerdict,
} from './options.ts';
import { type BreakerStats, Totals } from './stats.ts';

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

/** Holds nothing that needs closing: no timer, no connection. */
export class Breaker {
  /** The breaker's name, as its errors and metrics show it. */
  readonly name: string;
  readonly #options: ResolvedBreakerOptions;
  readonly #clock: FullClock;
  readonly #machine: Machine;
  readonly #hooks: Hooks;
  readonly #totals = new Totals();
  readonly #timed: boolean;
  readonly #classifies: boolean;
  #isolations = 0;

  constructor(options: ResolvedBreakerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = fullClock(options.clock);
    this.#hooks = new Hooks(options.name);
    this.#machine = new Machine(this.#rules(), this.#clock.now());
    this.#timed = Number.isFinite(options.slowCallMs);
    this.#classifies = options.classify !== standard.classify;
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

  /** Numbers since the breaker was created; they only grow. */
  stats(): BreakerStats {
    return this.#totals.snapshot(this.state, this.#isolations, this.#hooks.errors);
  }

  /**
   * Calls `fn` and settles as it does, unless the breaker refuses.
   *
   * @throws BreakerOpenError, HalfOpenBusyError when refused; the signal's reason when it is aborted
   */
  async execute<T>(fn: Work<T>, options?: CallOptions): Promise<Awaited<T>> {
    if (options) return this.#executeFor(fn, options);
    const admittedAtMs = this.#clock.now();
    const generation = this.#admit(admittedAtMs);
    let value: Awaited<T>;
    try {
      value = await fn(new Attempt(1, undefined));
    } catch (error) {
      this.#failed(generation, admittedAtMs, error);
      throw error;
    }
    this.#succeeded(generation, admittedAtMs, value);
    return value;
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

  async #executeFor<T>(fn: Work<T>, options: CallOptions): Promise<Awaited<T>> {
    const { signal, deadline = Number.POSITIVE_INFINITY } = options;
    const execution = new Execution(this.#clock, false, deadline, signal);
    try {
      if (execution.ended) throw abandoned;
      return await this.execute(() => execution.call(fn));
    } catch (error) {
      throw execution.ended ? execution.ended.reason : error;
    } finally {
      execution.close();
    }
  }

  #admit(nowMs: number): number {
    const generation = this.#machine.admit(nowMs);
    if (generation === REFUSED) throw this.#refusal(nowMs);
    this.#totals.admitted += 1;
    return generation;
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

  #succeeded(generation: number, admittedAtMs: number, value: unknown): void {
    if (this.#classifies) {
      this.#settled(generation, admittedAtMs, this.#classify({ ok: true, value }));
    } else if (!this.#timed && this.#machine.settleTimelessly(generation)) {
      this.#totals.success += 1;
    } else {
      this.#settled(generation, admittedAtMs, 'success');
    }
  }

  #failed(generation: number, admittedAtMs: number, error: unknown): void {
    const verdict = isRefusal(error) ? 'excluded' : this.#classify({ ok: false, error });
    this.#settled(generation, admittedAtMs, verdict);
  }

  #settled(generation: number, admittedAtMs: number, verdict: Verdict): void {
    const nowMs = this.#clock.now();
    const slow = verdict !== 'excluded' && nowMs - admittedAtMs >= this.#options.slowCallMs;
    this.#totals[verdict] += 1;
    if (slow) this.#totals.slow += 1;
    this.#machine.settle(generation, admittedAtMs, verdict, slow, nowMs);
  }

  #classify(outcome: Outcome): Verdict {
    const { classify } = this.#options;
    return (
      this.#hooks.run('classify', undefined, () => validVerdict(classify(outcome))) ??
      standard.classify(outcome)
    );
  }

  #rules(): MachineRules {
    const { openMs, readyToTrip, ...rules } = this.#options;
    const hooks = this.#hooks;
    return {
      ...rules,
      readyToTrip: (counts: Counts) =>
        hooks.run('readyToTrip', undefined, () => readyToTrip(counts)) ??
        standard.readyToTrip(counts),
      openMs: (timesOpened: number) => {
        if (typeof openMs === 'number') return openMs;
        return hooks.run('openMs', standard.openMs, () => validOpenMs(openMs(timesOpened)));
      },
      changed: (from: BreakerState, to: BreakerState, counts: Counts) => {
        this.#totals.changed(to);
        hooks.emit('stateChange', { from, to, counts });
      },
    };
  }
}
