import { LRUCache } from 'lru-cache';
import type { Ticker } from './clock.ts';

/** Loads that failed a moment ago and need not fail again for everyone who asks. */
const MAX_FAILURES = 1000;

interface Failure {
  readonly error: unknown;
  readonly until: number;
}

/** Remembers, for a short time, why a load failed. */
export class Failures {
  readonly #failures = new LRUCache<string, Failure>({ max: MAX_FAILURES });
  readonly #ttlMs: number;
  readonly #ticker: Ticker;

  /** @param ttlMs how long, 0 for not at all */
  constructor(ttlMs: number, ticker: Ticker) {
    this.#ttlMs = ttlMs;
    this.#ticker = ticker;
  }

  add(key: string, error: unknown): void {
    if (this.#ttlMs > 0)
      this.#failures.set(key, { error, until: this.#ticker.read() + this.#ttlMs });
  }

  get(key: string): Failure | undefined {
    const failure = this.#ttlMs > 0 ? this.#failures.get(key) : undefined;
    return failure && this.#ticker.read() < failure.until ? failure : undefined;
  }

  delete(key: string): void {
    if (this.#failures.size > 0) this.#failures.delete(key);
  }
}
