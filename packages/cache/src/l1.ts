import { LRUCache } from 'lru-cache';
import type { CacheEntry } from './cache.ts';
import type { Ticker } from './clock.ts';
import { Entry, type Source } from './entry.ts';

/** The hits between two looks at the exact time, so that a loop that never yields sees time pass. */
const HITS_PER_READ = 64;

const companion = Symbol('companion');
const nothing = new Entry<never>(undefined as never, 0, 0, 0, 'loader');

/** When a value was loaded and how long it is good, in ms of the cache's clock. */
export interface Life {
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** How L1 keeps values. */
export interface L1Options {
  readonly maxEntries: number;
  /** How long an entry is served before L2 is asked again. */
  readonly ttlMs: number;
  /** How long past its life it is of use when a loader fails. */
  readonly staleMs: number;
}

/** The values in the memory of this process, least recently used ones dropped first. */
export class L1<V> {
  hits = 0;
  misses = 0;
  readonly #entries: LRUCache<string | typeof companion, Entry<V>>;
  readonly #ttlMs: number;
  readonly #staleMs: number;
  readonly #ticker: Ticker;

  constructor({ maxEntries, ttlMs, staleMs }: L1Options, ticker: Ticker) {
    this.#entries = new LRUCache({ max: maxEntries });
    this.#ttlMs = ttlMs;
    this.#staleMs = staleMs;
    this.#ticker = ticker;
  }

  get size(): number {
    return this.#entries.size - (this.#entries.has(companion) ? 1 : 0);
  }

  /** The entry, if it may be served without a second thought. The hit path: nothing here allocates. */
  fresh(key: string): Entry<V> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.freshUntil <= this.#ticker.nowMs) {
      this.misses += 1;
      return undefined;
    }
    this.hits += 1;
    if (this.hits % HITS_PER_READ === 0) this.#ticker.read();
    return entry;
  }

  /** The entry, however old, and without counting as a use. */
  any(key: string): Entry<V> | undefined {
    return this.#entries.peek(key);
  }

  set(key: string, entry: Entry<V>): void {
    this.#entries.set(key, entry);
  }

  /** A value that was got just now. */
  make(value: V, life: Life, source: Source): Entry<V> {
    const freshUntil = Math.min(life.expiresAt, this.#ticker.read() + this.#ttlMs);
    return new Entry(value, life.createdAt, life.expiresAt, freshUntil, source);
  }

  /** Whether it is within its ttl, though L1 may have to ask L2 about it again. */
  isFresh(entry: Entry<V>): boolean {
    return this.#ticker.read() < entry.expiresAt;
  }

  /** Whether it may stand in for a loader that fails. */
  isServable(entry: Entry<V>): boolean {
    return this.#ticker.read() < entry.expiresAt + this.#staleMs;
  }

  describe(entry: Entry<V>): CacheEntry<V> {
    const now = this.#ticker.read();
    const { value, createdAt, expiresAt, source } = entry;
    return { value, ageMs: now - createdAt, ttlMs: expiresAt - now, tier: source };
  }

  delete(key: string): void {
    if (!this.#entries.has(key)) return;
    // lru-cache empties all its arrays when it deletes its last entry: O(max). Another one keeps it company.
    if (this.#entries.size === 1) this.#entries.set(companion, nothing);
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
