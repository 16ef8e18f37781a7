import type { Clock } from '../clock.ts';

/** Between two tries of a topic: doubled, up to the second figure, in ms. */
const HOLD_MS = { first: 100, longest: 30_000 };

interface Hold {
  readonly waitMs: number;
  readonly untilMs: number;
  readonly reason: string;
}

/** Topics whose rows wait because one of them could not be sent; the rows of others go on. */
export class HeldTopics {
  readonly #clock: Clock;
  readonly #holds = new Map<string, Hold>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#holds.size;
  }

  hold(topic: string, error: Error): void {
    const before = this.#holds.get(topic)?.waitMs;
    const waitMs = before === undefined ? HOLD_MS.first : Math.min(2 * before, HOLD_MS.longest);
    const untilMs = this.#clock.now() + waitMs;
    this.#holds.set(topic, { waitMs, untilMs, reason: `"${topic}" waits: ${error.message}` });
  }

  release(topic: string): void {
    this.#holds.delete(topic);
  }

  /** Those that may be tried, and have nothing that waits, are no trouble any more. */
  forgetOver(): void {
    const nowMs = this.#clock.now();
    for (const [topic, { untilMs }] of this.#holds) if (untilMs <= nowMs) this.release(topic);
  }

  /** Those that are not to be tried yet. */
  topics(): string[] {
    const nowMs = this.#clock.now();
    return [...this.#holds].flatMap(([topic, { untilMs }]) => (untilMs > nowMs ? [topic] : []));
  }

  /** When the next may be tried, in ms from now. */
  soonestMs(): number {
    const nowMs = this.#clock.now();
    const waits = [...this.#holds.values()].map(({ untilMs }) => Math.max(0, untilMs - nowMs));
    return Math.min(...waits.filter((ms) => ms > 0));
  }

  reasons(): string[] {
    return [...this.#holds.values()].map(({ reason }) => reason);
  }
}
