import { show } from '../errors.ts';
import { checkCount, checkFunction, type QueueOptions, resolveQueue } from '../options.ts';

/** Gets all keys of a batch; promises a value or an `Error` for each, in their order. */
export type BatchLoadFn<K, V> = (keys: readonly K[]) => PromiseLike<ArrayLike<V | Error>>;

/** The part of a `Map` that a loader needs. */
export interface CacheMap<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
  delete(key: K): unknown;
  clear(): unknown;
}

/** What the `dataloader` package takes, and two options of ours. */
export interface DataLoaderOptions<K, V, C = K> {
  /** `false` sends every key alone, as `maxBatchSize: 1` does. Default `true`. */
  readonly batch?: boolean;
  /** Keys in a batch at most. Default `Infinity`. */
  readonly maxBatchSize?: number;
  /**
   * Calls its argument when a new batch is to be sent; one that does so at once sends it at the end
   * of the tick. Default: the end of the tick.
   */
  readonly batchScheduleFn?: (dispatch: () => void) => void;
  /** `false` sends every key each time it is asked for. Default `true`. */
  readonly cache?: boolean;
  /** What a key is called in the cache. Default: the key itself. */
  readonly cacheKeyFn?: (key: K) => C;
  /** Keeps the promises. `null` for no cache. Default `new Map()`. */
  readonly cacheMap?: CacheMap<C, Promise<V>> | null;
  /** Appears in errors. Default `null`. */
  readonly name?: string | null;
  /**
   * Batches in flight at most. With no slot free, batches wait and grow. Default `Infinity`, as in the
   * `dataloader` package.
   */
  readonly concurrency?: number;
  /**
   * Bounds the keys that wait to be sent; makes sense with a `concurrency`. A key that is refused is
   * not cached. Default `{ max: Infinity }`, as in the `dataloader` package.
   */
  readonly queue?: QueueOptions;
}

export interface LoaderSettings<K, V, C> {
  readonly name: string | null;
  readonly maxBatchSize: number;
  readonly concurrency: number;
  readonly maxWaiting: number;
  readonly schedule: ((dispatch: () => void) => void) | undefined;
  readonly cacheKeyFn: ((key: K) => C) | undefined;
  readonly cache: CacheMap<C, Promise<V>> | null;
}

/** Fills in the defaults; throws a `TypeError` or `RangeError` that names the field and the value. */
export function resolveLoaderOptions<K, V, C>(
  options: DataLoaderOptions<K, V, C>,
): LoaderSettings<K, V, C> {
  const { batchScheduleFn, cacheKeyFn, concurrency = Number.POSITIVE_INFINITY } = options;
  if (batchScheduleFn !== undefined) checkFunction('batchScheduleFn', batchScheduleFn);
  if (cacheKeyFn !== undefined) checkFunction('cacheKeyFn', cacheKeyFn);
  checkCount('concurrency', concurrency);
  const { max, whenFull } = resolveQueue({ max: Number.POSITIVE_INFINITY, ...options.queue });
  return {
    name: options.name || null,
    maxBatchSize: options.batch === false ? 1 : checkBatchSize(options.maxBatchSize),
    concurrency,
    maxWaiting: whenFull === 'reject' ? max : Number.POSITIVE_INFINITY,
    schedule: batchScheduleFn,
    cacheKeyFn,
    cache: options.cache === false ? null : checkCacheMap(options.cacheMap),
  };
}

/** A `TypeError`, as in the `dataloader` package, which also lets fractions pass. */
function checkBatchSize(size: unknown = Number.POSITIVE_INFINITY): number {
  if (typeof size === 'number' && size >= 1) return size;
  throw new TypeError(`maxBatchSize must be a positive number, got ${show(size)}`);
}

function checkCacheMap<C, V>(
  cacheMap: CacheMap<C, Promise<V>> | null = new Map<C, Promise<V>>(),
): CacheMap<C, Promise<V>> | null {
  if (cacheMap === null) return null;
  const methods = ['get', 'set', 'delete', 'clear'] as const;
  const missing = methods.filter((method) => typeof cacheMap[method] !== 'function');
  if (missing.length === 0) return cacheMap;
  throw new TypeError(`cacheMap must have get, set, delete and clear, lacks ${missing.join(', ')}`);
}
