import type { Clock } from '../clock.ts';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets `ms` milliseconds pass and runs each timer that is due, at its time, in their order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let due = this.#next(endMs); due; due = this.#next(endMs)) {
      this.#nowMs = due.atMs;
      this.#timers.delete(due);
      due.run();
    }
    this.#nowMs = endMs;
  }

  /** Lets `ms` milliseconds pass as a blocked event loop does: what became due runs afterwards, late. */
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
