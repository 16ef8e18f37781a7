import type { Clock } from '../clock.ts';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock that stands still until it is moved. */
export interface ManualClock extends Required<Clock> {
  /** How many timers are set. */
  readonly timers: number;
  /** Lets time pass, in ms, and runs each timer that is due, at its time, in their order. */
  advance(ms: number): void;
  /** Lets time pass, in ms, as a blocked event loop does: what became due runs afterwards, late. */
  block(ms: number): void;
}

/** @param startMs where the clock begins, default 0 */
export function manualClock(startMs = 0): ManualClock {
  return new StandingClock(startMs);
}

class StandingClock implements ManualClock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let due = this.#next(endMs); due; due = this.#next(endMs)) {
      this.#nowMs = due.atMs;
      this.#timers.delete(due);
      due.run();
    }
    this.#nowMs = endMs;
  }

  block(ms: number): void {
    this.#nowMs += ms;
    for (let due = this.#next(this.#nowMs); due; due = this.#next(this.#nowMs)) {
      this.#timers.delete(due);
      due.run();
    }
  }

  #next(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs <= untilMs && !(first && first.atMs <= timer.atMs)) first = timer;
    }
    return first;
  }
}
