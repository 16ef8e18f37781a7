import { LRUCache } from 'lru-cache';
import type { CacheEntry } from './cache.ts';
import type { Ticker } from './clock.ts';
import { Entry, type Life, type Origin } from './entry.ts';
import { deepFreeze } from './freeze.ts';
import { estimateBytes } from './size.ts';
import { isOver } from './tags.ts';

/** Every 64th hit looks at the exact time, so that a loop that never yields sees time pass. */
const READ_MASK = 63;

const companion = Symbol('companion');
const nothing = new Entry<never>(
  undefined as never,
  { createdAt: 0, expiresAt: 0 },
  { freshUntil: 0, trustedUntil: 0 },
  { source: 'loader', epoch: 0, tags: [] },
);

/** What an entry takes without its key and value: here, in lru-cache and in the Map of that; about. */
const ENTRY_BYTES = 256;

/** Tags themselves are kept once, for all entries. */
const TAG_BYTES = 8;

/** How L1 keeps values. */
export interface L1Options {
  readonly maxEntries: number;
  /** Undefined for no bound. */
  readonly maxBytes: number | undefined;
  /** How long an entry is served before L2 is asked again; undefined where there is no L2. */
  readonly ttlMs: number | undefined;
  /** The part of its life after which an entry is refreshed when it is used, 1 for never. */
  readonly refreshAhead: number;
  /** How long past its life it is served while it is refreshed. */
  readonly revalidateMs: number;
  /** Whether values are frozen, so that no caller can change what others are given. */
  readonly freeze: boolean;
  /** Makes the etag of a value that L2 does not have. */
  readonly etagOf: (value: unknown) => string;
  /** How long past its life it is of use when a loader fails. */
  readonly staleMs: number;
}

/** An entry; its value is undefined where it is known that there is none. */
export type Kept<V> = Entry<V | undefined>;

/** The values in the memory of this process, least recently used ones dropped first. */
export class L1<V> {
  hits = 0;
  misses = 0;
  readonly #entries: LRUCache<string | typeof companion, Kept<V>>;
  readonly #options: L1Options;
  readonly #ticker: Ticker;
  #epoch = 0;
  /** Entries of an earlier epoch are served again when L2 was asked about them. */
  #distrustedAt = 0;
  /** Entries of an earlier epoch are as good as deleted. */
  #clearedAt = 0;
  /** Whether so much room is left that nothing is dropped soon. */
  #isRoomy = true;

  constructor(options: L1Options, ticker: Ticker) {
    const { maxEntries: max, maxBytes: maxSize } = options;
    this.#entries = new LRUCache(maxSize === undefined ? { max } : { max, maxSize });
    this.#options = options;
    this.#ticker = ticker;
  }

  get size(): number {
    return this.#entries.size - (this.#entries.has(companion) ? 1 : 0);
  }

  /** What the entries take, as estimated; 0 without `maxBytes`. */
  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  /**
   * The entry, if it may be served without a second thought. The hit path: it allocates nothing, and
   * is short so that the compiler can put all of it, and of lru-cache's part, into its caller. Which
   * entry was used last is worth its price only once some are to be dropped.
   */
  fresh(key: string): Kept<V> | undefined {
    const entry = this.#isRoomy ? this.#entries.peek(key) : this.#entries.get(key);
    if (
      entry === undefined ||
      entry.freshUntil <= this.#ticker.nowMs ||
      (entry.epoch !== this.#epoch && !this.#confirm(entry))
    ) {
      this.misses += 1;
      return undefined;
    }
    this.hits += 1;
    if ((this.hits & READ_MASK) === 0) this.#ticker.read();
    return entry;
  }

  /** The entry, however old but not invalidated, and without counting as a use. */
  any(key: string): Kept<V> | undefined {
    const entry = this.#entries.peek(key);
    return entry && !this.#isGone(entry) ? entry : undefined;
  }

  /** An entry that is larger than all of L1 may be is not kept, nor is the one before it. */
  set(key: string, entry: Kept<V>): void {
    const { maxEntries, maxBytes } = this.#options;
    if (maxBytes === undefined) this.#entries.set(key, entry);
    else this.#setWithin(maxBytes, key, entry);
    const isSmall = maxBytes === undefined || this.bytes <= maxBytes / 2;
    this.#isRoomy = isSmall && this.#entries.size <= maxEntries / 2;
  }

  #setWithin(maxBytes: number, key: string, entry: Kept<V>): void {
    const frame = ENTRY_BYTES + 2 * key.length + TAG_BYTES * (entry.tags?.length ?? 0);
    const size = Math.ceil(frame + estimateBytes(entry.value, maxBytes));
    if (size > maxBytes) this.delete(key);
    else this.#entries.set(key, entry, { size });
  }

  /** The ttl of the entry is over now; it stays for what may be done with one that is past its ttl. */
  expire(key: string): void {
    const entry = this.#entries.peek(key);
    if (!entry) return;
    const now = this.#ticker.read();
    entry.freshUntil = Math.min(entry.freshUntil, now);
    entry.expiresAt = Math.min(entry.expiresAt, now);
  }

  /** Grows whenever something has happened that may concern many entries: they are looked at again, each once. */
  get epoch(): number {
    return this.#epoch;
  }

  /** No entry that is here now is served before L2 was asked about it; all stay, for loaders that fail. */
  distrust(): void {
    this.#epoch += 1;
    this.#distrustedAt = this.#epoch;
  }

  /** The same for the entry of one key. */
  touch(key: string): void {
    this.#entries.peek(key)?.distrust();
  }

  /** The entries of a tag are no longer to be served. */
  endTag(): void {
    this.#epoch += 1;
  }

  /** Forgets everything at once, however much it is; the room is taken back little by little. */
  invalidate(): void {
    this.distrust();
    this.#clearedAt = this.#epoch;
  }

  make(value: V | undefined, life: Life, origin: Origin): Kept<V> {
    const { ttlMs, refreshAhead, revalidateMs, freeze } = this.#options;
    if (freeze) deepFreeze(value);
    const { createdAt, expiresAt } = life;
    const trustedUntil =
      ttlMs === undefined ? expiresAt + revalidateMs : this.#ticker.read() + ttlMs;
    const dueAt = createdAt + Math.ceil((expiresAt - createdAt) * refreshAhead);
    const freshUntil = Math.min(dueAt, trustedUntil);
    return new Entry(value, life, { freshUntil, trustedUntil }, origin);
  }

  /** Whether nobody needs to load or refresh it now. */
  isFresh(entry: Kept<V>): boolean {
    return this.#ticker.read() < entry.freshUntil;
  }

  /** Whether it may be served, though it may be time to refresh it. */
  isUsable(entry: Kept<V>): boolean {
    const now = this.#ticker.read();
    const isTrusted =
      now < entry.trustedUntil && entry.epoch >= this.#distrustedAt && !this.#isGone(entry);
    return isTrusted && now < entry.expiresAt + this.#options.revalidateMs;
  }

  /** Whether it is within its ttl. */
  isValid(entry: Kept<V>): boolean {
    return this.#ticker.read() < entry.expiresAt;
  }

  /** Whether it may stand in for a loader that fails. */
  isServable(entry: Kept<V>): boolean {
    const until = entry.expiresAt + Math.max(this.#options.staleMs, this.#options.revalidateMs);
    return entry.value !== undefined && this.#ticker.read() < until && !this.#isGone(entry);
  }

  /** Whether nothing that has happened since concerns the entry; that need not be asked again then. */
  #confirm(entry: Kept<V>): boolean {
    if (entry.epoch < this.#distrustedAt || this.#isGone(entry)) return false;
    entry.epoch = this.#epoch;
    return true;
  }

  #isGone({ epoch, tags }: Kept<V>): boolean {
    return epoch < this.#clearedAt || (tags !== undefined && isOver(tags));
  }

  /** Undefined where it is known that there is no value. */
  describe(entry: Kept<V>): CacheEntry<V> | undefined {
    const { value, createdAt, expiresAt, source, tags = [] } = entry;
    if (value === undefined) return undefined;
    const { etagOf } = this.#options;
    const now = this.#ticker.read();
    return {
      value,
      ageMs: now - createdAt,
      ttlMs: expiresAt - now,
      tier: source,
      tags: tags.map(({ tag }) => tag),
      get etag() {
        entry.etag ??= etagOf(value);
        return entry.etag;
      },
    };
  }

  delete(key: string): void {
    if (!this.#entries.has(key)) return;
    // lru-cache empties all its arrays when it deletes its last entry: O(max). Another one keeps it company.
    if (this.#entries.size === 1) this.#entries.set(companion, nothing, companySize(this.#options));
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** lru-cache takes a size only where there is a bound, and then no other than a positive one. */
function companySize({ maxBytes }: L1Options): { size?: number } {
  return maxBytes === undefined ? {} : { size: 1 };
}
