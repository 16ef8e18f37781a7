import type { Clock } from '../clock.ts';

/** A clock that stands still until it is moved; to be passed as the `clock` of a breaker or a policy. */
export interface ManualClock extends Required<Clock> {
  /** Timers that have not run yet. */
  readonly timers: number;
  setTimer(run: () => void, delayMs: number): () => void;
  /** Lets time pass, in ms, on both clocks: each timer runs at its own time, and what waits for it goes on before the next. */
  advance(ms: number): Promise<void>;
  /** Lets time pass, in ms, with no timer running meanwhile, as for a process that was frozen. */
  jump(ms: number): void;
  /** Sets the wall clock forward or back, in ms, as an administrator would; no time passes. */
  setWallBy(ms: number): void;
}

/** @param startMs where the monotonic clock begins, default 0 */
export function manualClock(startMs = 0): ManualClock {
  return new StandingClock(startMs);
}

class StandingClock implements ManualClock {
  #nowMs: number;
  /** How far the wall clock is ahead of the monotonic one. */
  #wallAheadMs: number;
  readonly #timers = new Set<{ readonly dueMs: number; readonly run: () => void }>();

  constructor(startMs: number) {
    this.#nowMs = startMs;
    this.#wallAheadMs = Date.UTC(2026, 0, 1) - startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wall(): number {
    return this.#nowMs + this.#wallAheadMs;
  }

  setTimer(run: () => void, delayMs: number): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#firstDue(untilMs); next; next = this.#firstDue(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  jump(ms: number): void {
    this.#nowMs += ms;
  }

  setWallBy(ms: number): void {
    this.#wallAheadMs += ms;
  }

  #firstDue(untilMs: number) {
    const due = [...this.#timers].filter((timer) => timer.dueMs <= untilMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}

/** Everything that can go on without time passing has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
