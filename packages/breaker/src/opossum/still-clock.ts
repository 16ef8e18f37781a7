import type { FullClock } from '../clock.ts';

/** A clock that can be read once for everything that happens at one moment. */
export class StillClock implements FullClock {
  readonly #clock: FullClock;
  #heldMs = Number.NaN;

  constructor(clock: FullClock) {
    this.#clock = clock;
  }

  now(): number {
    return Number.isNaN(this.#heldMs) ? this.#clock.now() : this.#heldMs;
  }

  wall(): number {
    return this.#clock.wall();
  }

  setTimer(run: () => void, delayMs: number, holdsProcess: boolean): () => void {
    return this.#clock.setTimer(run, delayMs, holdsProcess);
  }

  /** Reads the clock and stays there, until `go`. */
  still(): number {
    this.#heldMs = this.#clock.now();
    return this.#heldMs;
  }

  go(): void {
    this.#heldMs = Number.NaN;
  }
}
