import type { Clock } from '../clock.ts';

/**
 * Time limits that all have the same length: the one set first is due first, so one timer does for all of
 * them, and one that is called off in time costs no timer.
 */
export class Deadlines<T> {
  /** In the order in which they are due. */
  readonly #dueMs = new Map<T, number>();
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #expire: (item: T) => void;
  #callOff: (() => void) | undefined;

  /** @param limitMs `Infinity` for none */
  constructor(clock: Clock, limitMs: number, expire: (item: T) => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#expire = expire;
  }

  add(item: T): void {
    if (this.#limitMs === Number.POSITIVE_INFINITY) return;
    this.#dueMs.set(item, this.#clock.now() + this.#limitMs);
    this.#callOff ??= this.#clock.after(this.#limitMs, () => this.#ring());
  }

  delete(item: T): void {
    this.#dueMs.delete(item);
  }

  /** Stops the timer, so that it does not keep a process alive. */
  stop(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  #ring(): void {
    this.#callOff = undefined;
    const now = this.#clock.now();
    for (const [item, dueMs] of this.#dueMs) {
      if (dueMs > now) {
        this.#callOff = this.#clock.after(dueMs - now, () => this.#ring());
        return;
      }
      this.#dueMs.delete(item);
      this.#expire(item);
    }
  }
}
