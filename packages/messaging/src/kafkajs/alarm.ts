import type { Clock } from '../clock.ts';

/** One timer for the earliest of many times; it rings once, and whoever is not due then asks again. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #set: { readonly atMs: number; readonly callOff: () => void } | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings then, or before. */
  at(atMs: number): void {
    if (this.#set && this.#set.atMs <= atMs) return;
    this.#set?.callOff();
    const callOff = this.#clock.after(Math.max(1, atMs - this.#clock.now()), () => {
      this.#set = undefined;
      this.#ring();
    });
    this.#set = { atMs, callOff };
  }

  stop(): void {
    this.#set?.callOff();
    this.#set = undefined;
  }
}
