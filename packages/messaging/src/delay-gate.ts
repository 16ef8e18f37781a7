import type { Clock } from './clock.ts';
import { Fifo } from './fifo.ts';
import { headerNames, headerNumber } from './headers.ts';
import type { Delivery } from './task.ts';

/**
 * Lets the records of a retry topic through when their time has come. All of a topic wait equally long, so
 * the first is due first, and one timer does for a partition.
 */
export class DelayGate {
  readonly #clock: Clock;
  readonly #admit: (delivery: Delivery) => void;
  readonly #waiting = new Fifo<Delivery>();
  #callOff: (() => void) | undefined;

  constructor(clock: Clock, admit: (delivery: Delivery) => void) {
    this.#clock = clock;
    this.#admit = admit;
  }

  add(delivery: Delivery): void {
    this.#waiting.push(delivery);
    if (!this.#callOff) this.#open();
  }

  /** Lets nothing through any more. */
  close(): void {
    this.#callOff?.();
    this.#callOff = () => undefined;
  }

  #open(): void {
    this.#callOff = undefined;
    for (let first = this.#waiting.peek(); first; first = this.#waiting.peek()) {
      const waitMs = this.#waitMs(first);
      if (waitMs > 0) {
        this.#callOff = this.#clock.after(waitMs, () => this.#open());
        return;
      }
      this.#waiting.shift();
      this.#admit(first);
    }
  }

  #waitMs({ record }: Delivery): number {
    const notBefore = headerNumber(record.headers, headerNames.notBefore) ?? 0;
    // No back-off is longer than a timer can wait, so a later time is a mistake of somebody's clock.
    return Math.min(notBefore - this.#clock.wall(), 2 ** 31 - 1);
  }
}
