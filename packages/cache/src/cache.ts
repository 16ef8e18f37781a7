import type { Source } from './entry.ts';
import type { L2Stats } from './l2-stats.ts';
import type { Loader } from './load.ts';
import type { ManyLoader } from './many.ts';
import type { PurgeStats } from './purges.ts';

/** What L1 knows about a key. */
export interface CacheEntry<V> {
  readonly value: V;
  /** How long ago the loader gave the value, in ms: what the HTTP header `Age` says. */
  readonly ageMs: number;
  /** How long it is still fresh, in ms. Zero or less: it is only served when the loader fails. */
  readonly ttlMs: number;
  /** Where this process got it: from the loader (or a `set`), or from L2. */
  readonly tier: Source;
  /** The tags under which it was stored. */
  readonly tags: readonly string[];
  /**
   * Of the value, as in HTTP: what the loader set, or a strong one made of its bytes in L2, the same
   * in every process. Without an L2 it is made when it is first read, of what `codec` makes of the
   * value; where that cannot carry it, it is a random one.
   */
  readonly etag: string;
}

/** What a write came to. */
export interface WriteResult {
  /**
   * False when L2 was away: this process behaves as if it had been told, but others may see the old
   * value until L2 is back and the change that waits in this process has reached it.
   */
  readonly acknowledged: boolean;
}

/** Numbers since the cache was made, unless said otherwise. */
export interface CacheStats {
  readonly l1: {
    readonly hits: number;
    readonly misses: number;
    /** How many there are now. */
    readonly entries: number;
    /** What they take now, as `l1.maxBytes` estimates it; 0 without that. */
    readonly bytes: number;
  };
  /** All zero without an L2. */
  readonly l2: L2Stats;
  /** Loaders that were started. */
  readonly loads: number;
  /** Loaders that failed, timed out, or lost everyone who waited. */
  readonly loadFailures: number;
  /** Loads that nobody waits for and that still run now. */
  readonly abandonedLoads: number;
  /** Callers that waited for a load that somebody else had begun. */
  readonly sharedFlights: number;
  /** Values that were not stored, as the key was deleted or set while they were loaded. */
  readonly fencedWrites: number;
  /** Calls that were answered with a value past its ttl, as the load failed or was slow. */
  readonly staleServed: number;
  /** What became of the calls of `onInvalidateTags`; all zero without it. */
  readonly purges: PurgeStats;
}

/** How one caller waits. */
export interface WaitOptions {
  /** Detaches this caller: the call rejects with its `reason`. A load stops when nobody waits for it. */
  readonly signal?: AbortSignal;
}

/** How one caller waits, and how a value that he makes the loader give is stored. */
export interface LoadOptions extends WaitOptions {
  /** Tags of the value, by which it can be invalidated. */
  readonly tags?: readonly string[];
  /**
   * Goes to the loader although a fresh value may be stored, and stores what it gives, as one load
   * like any other: it takes the lease, and what was loaded elsewhere meanwhile does not do. Such a
   * call shares only a load that is `fresh` too and whose loader was not called before it; others
   * share it. An older load of the key in this process stores nothing then. A failure is not covered
   * by a stored value, which stays; `errorTtlMs` holds. Other processes are not told: when the value
   * has changed, `delete` it. Default false.
   */
  readonly fresh?: boolean;
}

/** How a caller waits for many values. */
export interface ManyOptions extends LoadOptions {
  /** Told of each key that failed; the call then resolves with the others. */
  readonly onError?: (key: string, error: unknown) => void;
}

/** How one value is stored. */
export interface SetOptions {
  /** Another ttl than the cache's, in ms. */
  readonly ttlMs?: number;
  /** Tags of the value, by which it can be invalidated. */
  readonly tags?: readonly string[];
}

/** Values by key: in the memory of this process, then in a shared tier, then from a loader. */
export interface Cache<V> {
  readonly name: string;

  /** The value if it is fresh in L1; synchronous, the fastest there is. */
  peek(key: string): V | undefined;

  /** The value if it is fresh in L1 or L2. */
  get(key: string, options?: WaitOptions): Promise<V | undefined>;

  /**
   * The value from L1, L2 or the loader. However many callers ask at once, one look into L2 and one
   * load runs in this process, and they share its value or its error. When the loader fails and a
   * value is known that is not older than `ttlMs + staleIfErrorMs`, it is served instead.
   *
   * A value is shared by all callers: do not change it.
   *
   * @throws the loader's error; LoadTimeoutError; NotCacheableError when L2 could not carry the value;
   * TooManyLoadsError; CacheClosedError; the reason of `signal`
   */
  getOrSet(key: string, load: Loader<V>, options?: LoadOptions): Promise<V>;
  getOrSet(
    key: string,
    load: Loader<V, V | undefined>,
    options?: LoadOptions,
  ): Promise<V | undefined>;

  /**
   * The values of many keys, in their order; keys without a value are left out. One read of L2 for
   * what L1 does not have, and one call of the loader for what L2 does not have and nobody else
   * loads. Without a loader: what is fresh in L1 and L2.
   *
   * @throws CacheKeysError, an AggregateError with the `results` of the others, when keys failed and
   * there is no `onError`; CacheClosedError; the reason of `signal`
   */
  getMany(
    keys: Iterable<string>,
    load?: ManyLoader<V>,
    options?: ManyOptions,
  ): Promise<Map<string, V>>;

  /**
   * Stores a value. A load that runs meanwhile stores nothing. When the same process says something
   * else about the key before L2 was told, only that is told, and both are answered alike; when it
   * invalidates one of the tags before that, or everything, L2 is told to forget the key.
   *
   * @throws NotCacheableError; CacheClosedError; DeleteQueueFullError when L2 is away for long
   */
  set(key: string, value: V, options?: SetOptions): Promise<WriteResult>;

  /**
   * Forgets a value, also for `staleIfErrorMs`. A load that runs meanwhile stores nothing.
   *
   * @throws CacheClosedError; DeleteQueueFullError when L2 is away and 10,000 deletes wait for it
   */
  delete(key: string): Promise<WriteResult>;

  /**
   * The ttl of a value is over from now on: nobody is served it as fresh again, in this process, in
   * L2 and in all processes that listen, and a load that runs meanwhile stores nothing. It stays for
   * `staleIfErrorMs` and `staleWhileRevalidateMs`, counted from now. To be used where something may
   * have changed, and an old answer is better than none. While L2 is away it waits as a delete does.
   * A tier without `patch` forgets the value; the memories of the processes keep it.
   *
   * @throws CacheClosedError; DeleteQueueFullError when L2 is away and 10,000 keys wait for it
   */
  expire(key: string): Promise<WriteResult>;

  /**
   * Forgets every value that has one of these tags, in all processes, also for `staleIfErrorMs`, and
   * lets no load store what it began before. It takes the same time however many there are.
   *
   * @throws TypeError when a tag is empty; CacheClosedError; DeleteQueueFullError
   */
  invalidateTags(...tags: string[]): Promise<WriteResult>;

  /** Forgets everything, as `invalidateTags` would if all values had one tag in common. */
  clear(): Promise<WriteResult>;

  /** What L1 knows about the key, fresh or kept for a failing loader; synchronous, counts as no use. */
  entry(key: string): CacheEntry<V> | undefined;

  /** Plain numbers; cheap. */
  stats(): CacheStats;

  /**
   * Waits for running loads and purges (at most `timeoutMs`, default 5,000), tries once more the deletes
   * that wait for L2, and forgets everything in memory. The clients you passed in stay open. Later
   * calls reject.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}
