import type { Clock } from '../clock.ts';
import type { Delivery } from './delivery.ts';
import type { Line } from './line.ts';

/** What an expiry is made of. */
export interface ExpiryParts {
  readonly clock: Clock;
  /**
   * Everything that can become too old, the oldest of each line first. But for one whose encoding took long:
   * others may stand before it, and it is given up with them.
   */
  readonly lines: () => Iterable<Line<Delivery>>;
  /** Takes it out of its line. */
  readonly onExpired: (delivery: Delivery) => void;
}

/** One timer for all that waits. */
export class Expiry {
  readonly #parts: ExpiryParts;
  #callOff: (() => void) | undefined;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
  }

  /** Sets the timer to the oldest of all, unless it is set. */
  set(): void {
    if (this.#callOff) return;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { first } of this.#parts.lines()) {
      if (first) dueMs = Math.min(dueMs, first.deadlineMs);
    }
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#parts;
    this.#callOff = clock.after(Math.max(0, dueMs - clock.now()), () => this.#expire());
  }

  /** Nothing waits. */
  callOff(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  #expire(): void {
    this.#callOff = undefined;
    const nowMs = this.#parts.clock.now();
    for (const line of this.#parts.lines()) {
      for (let next = line.first; next && next.deadlineMs <= nowMs; next = line.first) {
        this.#parts.onExpired(next);
      }
    }
    this.set();
  }
}
