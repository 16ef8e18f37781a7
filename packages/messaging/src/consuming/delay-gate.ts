import type { Clock } from '../clock.ts';
import { Fifo } from '../fifo.ts';
import { headerNames, headerNumber } from '../topics/headers.ts';
import type { Arrival } from './task.ts';

interface Waiting {
  readonly arrival: Arrival;
  /** Of the clock that nobody sets. */
  readonly dueMs: number;
}

/**
 * Lets the records of a retry topic through when their time has come. All of a topic wait equally long, so
 * the first is due first, and one timer does for a partition.
 */
export class DelayGate {
  readonly #clock: Clock;
  readonly #longestMs: number;
  readonly #admit: (arrival: Arrival) => void;
  readonly #waiting = new Fifo<Waiting>();
  #callOff: (() => void) | undefined;

  /** @param longestMs no record waits longer: where its time says otherwise, the clocks of two hosts differ */
  constructor(clock: Clock, longestMs: number, admit: (arrival: Arrival) => void) {
    this.#clock = clock;
    this.#longestMs = longestMs;
    this.#admit = admit;
  }

  add(arrival: Arrival): void {
    this.#waiting.push({ arrival, dueMs: this.#dueMs(arrival) });
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
      const waitMs = first.dueMs - this.#clock.now();
      if (waitMs > 0) {
        this.#callOff = this.#clock.after(waitMs, () => this.#open());
        return;
      }
      this.#waiting.shift();
      this.#admit(first.arrival);
    }
  }

  #dueMs({ record }: Arrival): number {
    const notBefore = headerNumber(record.headers, headerNames.notBefore) ?? 0;
    const waitMs = Math.min(notBefore - this.#clock.wall(), this.#longestMs);
    return this.#clock.now() + waitMs;
  }
}
