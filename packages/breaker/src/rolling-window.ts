import { Tally } from './counts.ts';

/**
 * The counts of the last `buckets` periods: a total, and the share of each period, which is taken
 * off the total when the period leaves. Follows `rollingCounts` of sony/gobreaker 2.4.
 */
export class RollingWindow {
  readonly total: Tally = new Tally();
  readonly #buckets: Tally[];
  #age = 0;

  constructor(buckets: number) {
    this.#buckets = Array.from({ length: buckets }, () => new Tally());
  }

  /** Moves on to the period `age`, counted from the start of the window. */
  moveTo(age: number): void {
    if (age - this.#age >= this.#buckets.length) {
      for (const bucket of this.#buckets) Object.assign(bucket, new Tally());
      Object.assign(this.total, new Tally());
      this.#age = age;
    }
    while (this.#age < age) {
      this.#age += 1;
      this.#dropOldest();
    }
  }

  /** The bucket of the period `age`, unless it has left the window. */
  bucketOf(age: number): Tally | undefined {
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
