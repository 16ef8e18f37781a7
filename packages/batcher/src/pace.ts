/** How much longer a service time may be than the one before, to be followed at once. */
const GROWTH = 1.1;

/**
 * Spreads departures evenly while there are fewer slots than batches want.
 *
 * Slots that were taken together become free together. The first batch to leave then takes all that
 * waited, and the next ones a single item each, as it comes: all slots are taken again, and nearly
 * everybody waits for a whole service time. Departures that keep a distance of service time / slots
 * use the slots as fully, and the mean wait is half of that distance.
 */
export class Pace {
  /** No batch has wanted for a slot of late: there is nothing to spread, and none needs to be told. */
  isCalm = true;
  readonly #slots: number;
  /** The shortest of late: a stall of this process must not look like a slow backend. */
  #serviceMs = Number.MAX_VALUE;
  #lastLeftAtMs = Number.NEGATIVE_INFINITY;
  #isCrowded = false;
  /** When a batch last left that had wanted for a slot. */
  #crowdedAtMs = Number.NEGATIVE_INFINITY;

  constructor(slots: number) {
    this.#slots = slots;
  }

  /** A batch left. */
  left(nowMs: number): void {
    this.#lastLeftAtMs = nowMs;
    if (this.#isCrowded) this.#crowdedAtMs = nowMs;
    else if (nowMs - this.#crowdedAtMs >= this.#serviceMs) this.isCalm = true;
    this.#isCrowded = false;
  }

  /** A batch that left at `leftAtMs` is settled. */
  arrived(leftAtMs: number, nowMs: number): void {
    // Not 0, from which nothing could grow.
    const longestMs = Math.max(this.#serviceMs, 0.1) * GROWTH;
    this.#serviceMs = Math.min(nowMs - leftAtMs, longestMs);
  }

  /** A batch wants to leave, and no slot is free. */
  crowded(): void {
    this.#isCrowded = true;
    this.isCalm = false;
  }

  /** How long a batch that is not full should still grow though a slot is free; 0 unless it was crowded lately. */
  waitMs(nowMs: number): number {
    if (this.#slots === 1 || nowMs - this.#crowdedAtMs >= this.#serviceMs) return 0;
    return Math.max(0, this.#lastLeftAtMs + this.#serviceMs / this.#slots - nowMs);
  }
}
