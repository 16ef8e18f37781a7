import type { Batch } from '../batch.ts';
import { endOfTick, systemClock } from '../clock.ts';
import { Dispatcher } from '../dispatcher.ts';
import { ResultShapeError, show } from '../errors.ts';
import { checkFunction } from '../options.ts';
import type * as options from './options.ts';
import {
  type BatchLoadFn,
  type CacheMap,
  type DataLoaderOptions,
  type LoaderSettings,
  resolveLoaderOptions,
} from './options.ts';

/**
 * The class of the `dataloader` package, with its rules, on the engine of this one: the keys of one
 * tick are one batch, and each key is loaded once and remembered, for as long as the loader lives.
 * Make one per request.
 *
 * Unlike `createBatcher`, it runs the batch function in the async context of the batch's first
 * `load`, makes no span, keeps no statistics, and never refuses (unless `queue` says so).
 */
export class DataLoader<K, V, C = K> {
  /** The name that was given, or `null`. */
  name: string | null;
  readonly #batchLoadFn: BatchLoadFn<K, V>;
  readonly #settings: LoaderSettings<K, V, C>;
  readonly #cache: CacheMap<C, Promise<V>> | null;
  readonly #dispatcher: Dispatcher<K, V>;

  /** @throws {TypeError | RangeError} for a bad option; the message names it and shows the value */
  constructor(batchLoadFn: BatchLoadFn<K, V>, options?: DataLoaderOptions<K, V, C> | null) {
    checkFunction('batchLoadFn', batchLoadFn);
    const settings = resolveLoaderOptions(options ?? {});
    this.#batchLoadFn = batchLoadFn;
    this.#settings = settings;
    this.#cache = settings.cache;
    this.name = settings.name;
    const { schedule, maxBatchSize, concurrency, maxWaiting } = settings;
    this.#dispatcher = new Dispatcher({
      name: this.#nameInErrors,
      maxSize: maxBatchSize,
      maxBytes: Number.POSITIVE_INFINITY,
      concurrency,
      maxWaiting,
      isGrouped: false,
      leaveWhenFull: false,
      clock: systemClock,
      wait: (ripen) => {
        if (schedule) this.#schedule(schedule, ripen);
        else endOfTick(ripen);
        return undefined;
      },
      send: (batch) => this.#send(batch),
    });
  }

  /**
   * The value of a key, from the cache or with the next batch. A cached value comes together with
   * those of the current batch, so that what is loaded next is one batch again.
   *
   * @throws {TypeError} when the key is `null` or `undefined`
   */
  load(key: K): Promise<V> {
    if (key === null || key === undefined) throw new TypeError(`load() takes a key, got ${key}`);
    const cache = this.#cache;
    if (!cache) return this.#enqueue(key);
    const cacheKey = this.#cacheKey(key);
    const cached = cache.get(cacheKey);
    if (cached) return this.#ride(cached);
    if (this.#dispatcher.isFull) return this.#enqueue(key);
    const promise = this.#enqueue(key);
    cache.set(cacheKey, promise);
    return promise;
  }

  /**
   * The values of several keys; where a load fails, its error stands in the place of the value.
   *
   * @throws {TypeError} when `keys` is no array, nor like one
   */
  loadMany(keys: ArrayLike<K>): Promise<(V | Error)[]> {
    if (!isArrayLike(keys))
      throw new TypeError(`loadMany() takes an array of keys, got ${show(keys)}`);
    const load = (key: K) => this.load(key).catch((error: Error) => error);
    return Promise.all(Array.from(keys, load));
  }

  /** Forgets the value of a key. */
  clear(key: K): this {
    this.#cache?.delete(this.#cacheKey(key));
    return this;
  }

  /** Forgets all values. */
  clearAll(): this {
    this.#cache?.clear();
    return this;
  }

  /** Remembers a value for a key, unless there is one: an `Error` as a load that failed. */
  prime(key: K, value: V | PromiseLike<V> | Error): this {
    const cache = this.#cache;
    if (!cache) return this;
    const cacheKey = this.#cacheKey(key);
    if (cache.get(cacheKey) === undefined) cache.set(cacheKey, promiseFor(value));
    return this;
  }

  get #nameInErrors(): string {
    return this.name ?? 'DataLoader';
  }

  #cacheKey(key: K): C {
    const { cacheKeyFn } = this.#settings;
    // Without a function, C is K.
    return cacheKeyFn ? cacheKeyFn.call(this, key) : (key as K & C);
  }

  #enqueue(key: K): Promise<V> {
    return new Promise((resolve, reject) => {
      this.#dispatcher.board(this.#dispatcher.onlyLane, key, { calls: 1, resolve, reject });
    });
  }

  #ride(cached: Promise<V>): Promise<V> {
    const batch = this.#dispatcher.current(this.#dispatcher.onlyLane);
    return new Promise((resolve) => {
      batch.riders ??= [];
      batch.riders.push(() => resolve(cached));
    });
  }

  /** A function that dispatches at once would do so before the first key is there: the tick goes on. */
  #schedule(schedule: (dispatch: () => void) => void, ripen: () => void): void {
    let isAtOnce = true;
    schedule.call(this, () => {
      if (isAtOnce) endOfTick(ripen);
      else ripen();
    });
    isAtOnce = false;
  }

  #send(batch: Batch<K, V>): void {
    const sent = batch.items.length === 0 ? Promise.resolve([]) : this.#callBatchFn(batch.items);
    sent
      .then((values) => {
        const checked = this.#checkValues(values, batch.items.length);
        answerRiders(batch);
        batch.answers.forEach((answer, i) => {
          const value = checked[i] as V | Error;
          if (value instanceof Error) answer.reject(value);
          else answer.resolve(value);
        });
      })
      .catch((error) => {
        // The errors of single keys are remembered; that of a whole batch is not.
        answerRiders(batch);
        for (const key of batch.items) this.clear(key);
        batch.reject(error);
      })
      .then(() => this.#dispatcher.arrived(batch));
  }

  #callBatchFn(keys: readonly K[]): Promise<unknown> {
    let promise: unknown;
    try {
      promise = this.#batchLoadFn(keys);
    } catch (cause) {
      return Promise.reject(this.#wrong(`must return a promise, but threw ${cause}`, cause));
    }
    if (isPromiseLike(promise)) return Promise.resolve(promise);
    return Promise.reject(this.#wrong(`must return a promise, but returned ${show(promise)}`));
  }

  #checkValues(values: unknown, expected: number): ArrayLike<unknown> {
    if (!isArrayLike(values)) {
      throw this.#wrong(`must promise an array of values, but promised ${show(values)}`);
    }
    if (values.length === expected) return values;
    const counts = `got ${expected} keys and promised ${values.length} values`;
    throw this.#wrong(`must promise one value for each key, in their order, but ${counts}`);
  }

  #wrong(complaint: string, cause?: unknown): ResultShapeError {
    const error = new ResultShapeError(this.#nameInErrors, `the batch function ${complaint}`);
    return cause === undefined ? error : Object.assign(error, { cause });
  }
}

/** The names that the types have in the `dataloader` package. */
export declare namespace DataLoader {
  type BatchLoadFn<K, V> = options.BatchLoadFn<K, V>;
  type CacheMap<K, V> = options.CacheMap<K, V>;
  type Options<K, V, C = K> = options.DataLoaderOptions<K, V, C>;
}

/** Cached values come in the same job as the values of their batch. */
function answerRiders<K, V>({ riders = [] }: Batch<K, V>): void {
  for (const answer of riders) answer();
}

function promiseFor<V>(value: V | PromiseLike<V> | Error): Promise<V> {
  if (!(value instanceof Error)) return Promise.resolve(value);
  const failed = Promise.reject(value);
  // It was put there on purpose; whoever loads the key gets a promise of his own to catch.
  failed.catch(() => undefined);
  return failed;
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const { length } = value as { readonly length?: unknown };
  return (
    typeof length === 'number' && (length === 0 || (length > 0 && Object.hasOwn(value, length - 1)))
  );
}
