/** What went wrong, for code that must tell errors apart (an `instanceof` fails across two copies of a package). */
export type CacheErrorCode =
  | 'ERR_CACHE_CLOSED'
  | 'ERR_CACHE_DELETE_QUEUE_FULL'
  | 'ERR_CACHE_KEYS_FAILED'
  | 'ERR_CACHE_LOAD_TIMEOUT'
  | 'ERR_CACHE_NOT_CACHEABLE'
  | 'ERR_CACHE_TIER_TIMEOUT'
  | 'ERR_CACHE_TOO_MANY_LOADS';

/** What every error of this package has in common. */
export abstract class CacheError extends Error {
  /** Stable across versions; messages are not. */
  abstract readonly code: CacheErrorCode;
}

/** A call on a cache after its `close()`. */
export class CacheClosedError extends CacheError {
  override readonly name = 'CacheClosedError';
  readonly code = 'ERR_CACHE_CLOSED';

  constructor(cacheName: string) {
    super(`the cache "${cacheName}" is closed`);
  }
}

/** The loader did not settle within `loadTimeout.hardMs`; its late value is thrown away. */
export class LoadTimeoutError extends CacheError {
  override readonly name = 'LoadTimeoutError';
  readonly code = 'ERR_CACHE_LOAD_TIMEOUT';
  /** The key that was being loaded. */
  readonly key: string;
  /** How long the loader was given, in ms. */
  readonly timeoutMs: number;

  constructor(key: string, timeoutMs: number) {
    super(`loading "${key}" took longer than ${timeoutMs} ms`);
    this.key = key;
    this.timeoutMs = timeoutMs;
  }
}

/** Too many loaders neither settled nor stopped when they were told to: no further one is started. */
export class TooManyLoadsError extends CacheError {
  override readonly name = 'TooManyLoadsError';
  readonly code = 'ERR_CACHE_TOO_MANY_LOADS';
  /** How many loads were abandoned and still run. */
  readonly abandoned: number;

  constructor(key: string, abandoned: number) {
    super(`"${key}" is not loaded while ${abandoned} abandoned loads still run`);
    this.abandoned = abandoned;
  }
}

/** A value that would come back from L2 as something else, e.g. a Date as a string. */
export class NotCacheableError extends CacheError {
  override readonly name = 'NotCacheableError';
  readonly code = 'ERR_CACHE_NOT_CACHEABLE';
  /** Where in the value, e.g. `value.items[3].price`. */
  readonly path: string;

  constructor(path: string, what: string) {
    super(`${path} is ${what}, which the codec cannot carry unchanged`);
    this.path = path;
  }
}

/** L2 is away and as many deletes, expiries or invalidations wait for it as may wait. */
export class DeleteQueueFullError extends CacheError {
  override readonly name = 'DeleteQueueFullError';
  readonly code = 'ERR_CACHE_DELETE_QUEUE_FULL';
  /** How many wait. */
  readonly max: number;

  constructor(key: string, max: number) {
    super(`"${key}" is changed here only: ${max} changes already wait for L2`);
    this.max = max;
  }
}

/** An operation of a tier took longer than the tier's `timeoutMs`. */
export class TierTimeoutError extends CacheError {
  override readonly name = 'TierTimeoutError';
  readonly code = 'ERR_CACHE_TIER_TIMEOUT';
  /** The deadline, in ms. */
  readonly timeoutMs: number;

  constructor(tier: string, timeoutMs: number) {
    super(`the ${tier} tier took longer than ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
  }
}

/** Some keys of a `getMany` failed. Its `errors` are those of `failures`. */
export class CacheKeysError extends AggregateError {
  override readonly name = 'CacheKeysError';
  readonly code: CacheErrorCode = 'ERR_CACHE_KEYS_FAILED';
  /** Why each of them failed. */
  readonly failures: ReadonlyMap<string, unknown>;
  /** The values of the keys that did not fail. */
  readonly results: ReadonlyMap<string, unknown>;

  constructor(failures: ReadonlyMap<string, unknown>, results: ReadonlyMap<string, unknown>) {
    const [[key] = ['']] = failures;
    super(failures.values(), `${failures.size} keys failed, "${key}" first`);
    this.failures = failures;
    this.results = results;
  }
}
