/** How many calls took how long: constant in cost and in size. */
export interface LatencyHistogram {
  /** Upper bounds of the buckets, in ms, the bound itself included; one more bucket has no bound. */
  readonly boundsMs: readonly number[];
  /** Calls per bucket: one number more than there are bounds. */
  readonly counts: readonly number[];
  /** What all of them took together, in ms. */
  readonly sumMs: number;
}

const boundsMs: readonly number[] = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000,
];

export class Histogram {
  readonly #counts: number[] = new Array(boundsMs.length + 1).fill(0);
  #sumMs = 0;

  record(ms: number): void {
    let bucket = 0;
    while (bucket < boundsMs.length && ms > (boundsMs[bucket] as number)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sumMs += ms;
  }

  snapshot(): LatencyHistogram {
    return { boundsMs, counts: [...this.#counts], sumMs: this.#sumMs };
  }
}
