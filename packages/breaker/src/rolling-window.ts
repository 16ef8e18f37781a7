import { Tally } from './counts.ts';

/**
 * The counts of the last `buckets` periods: a total, and the share of each period, which is taken
 * off the total when the period leaves. Follows `rollingCounts` of sony/gobreaker 2.4.
 */
export class RollingWindow {
  readonly total: Tally = new Tally();
  /** The bucket of the period that it was last moved to. */
  current: Tally;
  readonly #bucketMs: number;
  readonly #sinceMs: number;
  readonly #buckets: Tally[];
  #age = 0;
  #currentSinceMs: number;

  constructor(buckets: number, bucketMs: number, sinceMs: number) {
    this.#bucketMs = bucketMs;
    this.#sinceMs = sinceMs;
    this.#currentSinceMs = sinceMs;
    this.#buckets = Array.from({ length: buckets }, () => new Tally());
    this.current = this.#at(0);
  }

  /** Moves on to the period of `nowMs`. */
  moveTo(nowMs: number): void {
    if (nowMs - this.#currentSinceMs < this.#bucketMs) return;
    const age = Math.floor((nowMs - this.#sinceMs) / this.#bucketMs);
    if (age - this.#age >= this.#buckets.length) {
      for (const bucket of this.#buckets) Object.assign(bucket, new Tally());
      Object.assign(this.total, new Tally());
      this.#age = age;
    }
    while (this.#age < age) {
      this.#age += 1;
      this.#dropOldest();
    }
    this.#currentSinceMs = this.#sinceMs + age * this.#bucketMs;
    this.current = this.#at(age);
  }

  /** The bucket of the period of `atMs`, unless it has left the window. */
  bucketOf(atMs: number): Tally | undefined {
    if (atMs >= this.#currentSinceMs) return this.current;
    const age = Math.floor((atMs - this.#sinceMs) / this.#bucketMs);
    return this.#age - age < this.#buckets.length ? this.#at(age) : undefined;
  }

  #at(age: number): Tally {
    return this.#buckets[age % this.#buckets.length] as Tally;
  }

  /** The new period takes the place of the oldest. */
  #dropOldest(): void {
    const oldest = this.#at(this.#age);
    const { total } = this;
    total.consecutiveSuccesses -= this.#shareOfStreak(oldest, 'successes', 'consecutiveSuccesses');
    total.consecutiveFailures -= this.#shareOfStreak(oldest, 'failures', 'consecutiveFailures');
    total.requests -= oldest.requests;
    total.successes -= oldest.successes;
    total.failures -= oldest.failures;
    total.exclusions -= oldest.exclusions;
    total.slow -= oldest.slow;
    Object.assign(oldest, new Tally());
  }

  /** A streak loses the part that lies in the oldest bucket only if it reaches over the whole window. */
  #shareOfStreak(
    oldest: Tally,
    kind: 'successes' | 'failures',
    streak: 'consecutiveSuccesses' | 'consecutiveFailures',
  ): number {
    const newer = this.total[kind] - oldest[kind];
    return this.total[streak] === oldest[streak] + newer ? oldest[streak] : 0;
  }
}
