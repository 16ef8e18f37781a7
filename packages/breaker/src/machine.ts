import { type Counts, Tally } from './counts.ts';
import { RollingWindow } from './rolling-window.ts';
import type { BreakerSnapshot } from './snapshot.ts';

/** What a breaker says of itself. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** What a call's outcome says about the dependency; an excluded one says nothing. */
export type Verdict = 'success' | 'failure' | 'excluded';

/** Every change of state is a new generation: what was admitted in an earlier one counts for nothing. */
export type State = Closed | Open | HalfOpen;

interface Closed {
  readonly kind: 'closed';
  readonly generation: number;
  readonly tally: Tally;
  readonly sinceMs: number;
  /** When a fixed window ends; never for a rolling one. */
  readonly endsAtMs: number;
  readonly rolling: RollingWindow | undefined;
}

interface Open {
  readonly kind: 'open';
  readonly generation: number;
  readonly tally: Tally;
  readonly sinceMs: number;
  /** `Infinity` while isolated. */
  readonly untilMs: number;
}

interface HalfOpen {
  readonly kind: 'half-open';
  readonly generation: number;
  readonly tally: Tally;
  /** When each trial still in flight was admitted, the oldest first. */
  readonly trials: number[];
}

/** The numbers that the machine goes by; see `BreakerOptions`. */
export interface MachineOptions {
  readonly maxRequests: number;
  readonly intervalMs: number;
  readonly bucketMs: number;
  readonly maxHalfOpenMs: number;
}

/** The decisions that are not the machine's; none of them throws. */
export interface MachineRules {
  readyToTrip(counts: Counts): boolean;
  openMs(timesOpened: number): number;
  changed(from: BreakerState, to: BreakerState, counts: Counts): void;
}

/** What `admit` answers to a call that must not run. */
export const REFUSED = 0;

const nothingCounted = new Tally();

/**
 * The state machine of sony/gobreaker: synchronous, and the time is an argument.
 * As there, time passes only when somebody looks: at a call, at a result, at a reading of the state.
 */
export class Machine {
  readonly #options: MachineOptions;
  readonly #rules: MachineRules;
  #generation = 0;
  /** How often in a row it has opened, with no closing in between. */
  timesOpened = 0;
  #state: State;

  constructor(options: MachineOptions, rules: MachineRules, nowMs: number) {
    this.#options = options;
    this.#rules = rules;
    this.#state = this.#closed(nowMs);
  }

  /** The state at `nowMs`, after everything that the mere passing of time changes. */
  look(nowMs: number): State {
    const state = this.#state;
    switch (state.kind) {
      case 'closed':
        if (nowMs > state.endsAtMs) this.#state = this.#closed(nowMs);
        else if (state.rolling) state.rolling.moveTo(nowMs);
        break;
      case 'open':
        if (nowMs > state.untilMs) this.#halfOpen();
        break;
      case 'half-open':
        this.#writeOffTrials(state, nowMs);
    }
    return this.#state;
  }

  /** Lets a call through and answers its generation, or `REFUSED`. */
  admit(nowMs: number): number {
    const state = this.look(nowMs);
    const { tally } = state;
    if (state.kind === 'open') return REFUSED;
    if (state.kind === 'half-open') {
      if (tally.requests - tally.exclusions >= this.#options.maxRequests) return REFUSED;
      state.trials.push(nowMs);
    } else if (state.rolling) {
      state.rolling.current.requests += 1;
    }
    tally.requests += 1;
    return state.generation;
  }

  /** Whether the time at which a call of this generation was admitted does not matter. */
  isTimeless(generation: number): boolean {
    const state = this.#state;
    return state.kind === 'closed' && !state.rolling && state.generation === generation;
  }

  /**
   * Counts a success without being told the time, which is half of what a call costs.
   * Right for a fixed window only: either the success belongs to it, or the window has run out
   * and takes the success with it at the next look.
   *
   * @returns false where the time is needed: then `settle` has to be called
   */
  settleTimelessly(generation: number): boolean {
    const state = this.#state;
    if (state.kind !== 'closed' || state.rolling) return false;
    if (state.generation === generation) state.tally.success();
    return true;
  }

  /** Counts the outcome of a call that was admitted at `admittedAtMs` in `generation`. */
  settle(
    generation: number,
    admittedAtMs: number,
    verdict: Verdict,
    slow: boolean,
    nowMs: number,
  ): void {
    const state = this.look(nowMs);
    if (state.generation !== generation || state.kind === 'open') return;
    if (state.kind === 'half-open') this.#settleTrial(state, admittedAtMs, verdict, slow, nowMs);
    else this.#settleClosed(state, admittedAtMs, verdict, slow, nowMs);
  }

  /** Opens until `release`, whatever the calls in flight will say. */
  isolate(nowMs: number): void {
    this.look(nowMs);
    this.#open(nowMs, Number.POSITIVE_INFINITY);
  }

  /** Ends an isolation: trial calls decide how it goes on. */
  release(): void {
    this.#halfOpen();
  }

  /** Takes over a state that began at `sinceMs`, of this breaker or of one in another process. */
  restore(snapshot: BreakerSnapshot, sinceMs: number): void {
    this.timesOpened = snapshot.timesOpened;
    if (snapshot.state === 'open') this.#open(sinceMs, sinceMs + snapshot.openMs);
    else if (snapshot.state === 'half-open') this.#halfOpen();
    else {
      const closed = this.#closed(sinceMs);
      // A rolling window begins empty: nobody knows which of its buckets the counts belong to.
      if (!closed.rolling) closed.tally.restore(snapshot.counts);
      this.#become(closed);
    }
  }

  #settleClosed(
    state: Closed,
    admittedAtMs: number,
    verdict: Verdict,
    slow: boolean,
    nowMs: number,
  ): void {
    const bucket = state.rolling?.bucketOf(admittedAtMs);
    if (state.rolling && !bucket) return;
    count(state.tally, verdict, slow);
    if (bucket) count(bucket, verdict, slow);
    if (verdict === 'excluded' || (verdict === 'success' && !slow)) return;
    if (this.#rules.readyToTrip(state.tally.snapshot()) && this.#state === state) this.#trip(nowMs);
  }

  #settleTrial(
    state: HalfOpen,
    admittedAtMs: number,
    verdict: Verdict,
    slow: boolean,
    nowMs: number,
  ): void {
    state.trials.splice(state.trials.indexOf(admittedAtMs), 1);
    count(state.tally, verdict, slow);
    if (verdict === 'failure') this.#trip(nowMs);
    else if (state.tally.consecutiveSuccesses >= this.#options.maxRequests) this.#close(nowMs);
  }

  /** A trial that never settles is a failure from the moment its time was up. */
  #writeOffTrials(state: HalfOpen, nowMs: number): void {
    const [oldest] = state.trials;
    if (oldest === undefined || nowMs - oldest <= this.#options.maxHalfOpenMs) return;
    state.tally.failure();
    this.#trip(oldest + this.#options.maxHalfOpenMs);
    this.look(nowMs);
  }

  #trip(atMs: number): void {
    const state = this.#state;
    this.timesOpened += 1;
    const openMs = this.#rules.openMs(this.timesOpened);
    // The rules are the user's code: they may have changed the state themselves.
    if (this.#state === state) this.#open(atMs, atMs + openMs);
  }

  #open(sinceMs: number, untilMs: number): void {
    const generation = this.#nextGeneration();
    this.#become({ kind: 'open', generation, tally: nothingCounted, sinceMs, untilMs });
  }

  #halfOpen(): void {
    const generation = this.#nextGeneration();
    this.#become({ kind: 'half-open', generation, tally: new Tally(), trials: [] });
  }

  #close(nowMs: number): void {
    this.timesOpened = 0;
    this.#become(this.#closed(nowMs));
  }

  #closed(nowMs: number): Closed {
    const { intervalMs, bucketMs } = this.#options;
    const generation = this.#nextGeneration();
    const buckets = bucketMs > 0 ? Math.ceil(intervalMs / bucketMs) : 1;
    const rolling = buckets > 1 ? new RollingWindow(buckets, bucketMs, nowMs) : undefined;
    const tally = rolling?.total ?? new Tally();
    const endsAtMs =
      intervalMs === 0 || rolling
        ? Number.POSITIVE_INFINITY
        : nowMs + Math.max(intervalMs, bucketMs);
    return { kind: 'closed', generation, tally, sinceMs: nowMs, endsAtMs, rolling };
  }

  #nextGeneration(): number {
    this.#generation += 1;
    return this.#generation;
  }

  #become(next: State): void {
    const { kind, tally } = this.#state;
    this.#state = next;
    if (kind !== next.kind) this.#rules.changed(kind, next.kind, tally.snapshot());
  }
}

function count(tally: Tally, verdict: Verdict, slow: boolean): void {
  if (verdict === 'excluded') {
    tally.exclusions += 1;
    return;
  }
  if (verdict === 'success') tally.success();
  else tally.failure();
  if (slow) tally.slow += 1;
}
