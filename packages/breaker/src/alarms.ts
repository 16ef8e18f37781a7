import type { FullClock } from './clock.ts';
import { Queue } from './queue.ts';

interface Alarm {
  readonly dueMs: number;
  readonly ring: () => void;
}

/**
 * Alarms that are all set for the same time ahead, so the first one set is the first one due: one
 * timer serves them all. A call that ends in time costs a place in a queue and no timer.
 */
export class Alarms {
  readonly #clock: FullClock;
  readonly #delayMs: number;
  readonly #alarms = new Queue<Alarm>();
  #armed = false;

  constructor(clock: FullClock, delayMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** @returns a function that takes the alarm back */
  set(ring: () => void): () => void {
    const place = this.#alarms.join({ dueMs: this.#clock.now() + this.#delayMs, ring });
    if (!this.#armed) this.#arm(this.#delayMs);
    return () => this.#alarms.leave(place);
  }

  #arm(delayMs: number): void {
    this.#armed = true;
    this.#clock.setTimer(() => this.#ringDue(), delayMs, false);
  }

  #ringDue(): void {
    const nowMs = this.#clock.now();
    let next = this.#alarms.first;
    while (next && next.value.dueMs <= nowMs) {
      this.#alarms.leave(next);
      next.value.ring();
      next = this.#alarms.first;
    }
    // Those that were cancelled are not in the queue any more; and a timer may come a little early.
    this.#armed = false;
    if (next) this.#arm(Math.ceil(next.value.dueMs - nowMs));
  }
}
