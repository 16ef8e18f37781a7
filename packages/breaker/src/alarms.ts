import type { FullClock } from './clock.ts';
import { type Place, Queue } from './queue.ts';

interface Due<T> {
  readonly dueMs: number;
  readonly target: T;
}

/** An alarm that has been set. */
export type Alarm<T> = Place<Due<T>>;

/**
 * Alarms that are all set for the same time ahead, so the first one set is the first one due: one
 * timer serves them all. A call that ends in time costs a place in a queue and no timer.
 */
export class Alarms<T> {
  readonly #clock: FullClock;
  readonly #delayMs: number;
  readonly #ring: (target: T) => void;
  readonly #alarms = new Queue<Due<T>>();
  #armed = false;

  constructor(clock: FullClock, delayMs: number, ring: (target: T) => void) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#ring = ring;
  }

  set(target: T, nowMs: number): Alarm<T> {
    const alarm = this.#alarms.join({ dueMs: nowMs + this.#delayMs, target });
    if (!this.#armed) this.#arm(this.#delayMs);
    return alarm;
  }

  cancel(alarm: Alarm<T>): void {
    this.#alarms.leave(alarm);
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
      this.#ring(next.value.target);
      next = this.#alarms.first;
    }
    // Those that were cancelled are not in the queue any more; and a timer may come a little early.
    this.#armed = false;
    if (next) this.#arm(Math.ceil(next.value.dueMs - nowMs));
  }
}
