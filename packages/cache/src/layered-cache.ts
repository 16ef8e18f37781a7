import { announce, type Component } from './announce.ts';
import type { Audience } from './bus.ts';
import type {
  Cache,
  CacheEntry,
  CacheStats,
  LoadOptions,
  ManyOptions,
  SetOptions,
  WaitOptions,
  WriteResult,
} from './cache.ts';
import { checkDelay, checkInteger, checkKey, checkTags, uniqueKeys } from './check.ts';
import { type Ticker, tickerOf } from './clock.ts';
import { CacheClosedError } from './errors.ts';
import { Fetcher } from './fetcher.ts';
import type { L1 } from './l1.ts';
import type { L2 } from './l2.ts';
import { noL2 } from './l2-stats.ts';
import { openL1, openL2 } from './levels.ts';
import { type LoadContext, type Loader, Loads } from './load.ts';
import type { Request } from './loading.ts';
import { gather, LoadBatch, type ManyLoader } from './many.ts';
import { type CacheOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { noPurges, openPurges, type Purges } from './purges.ts';
import { EVERYTHING, Tags } from './tags.ts';
import { withinSpan } from './tracing.ts';

/**
 * Makes a cache. It opens no connection and reads nothing but its options.
 *
 * @throws RangeError or TypeError that names the option and its value
 */
export function createCache<V>(options: CacheOptions): Cache<V> {
  return new LayeredCache(resolveOptions(options));
}

class LayeredCache<V> implements Cache<V> {
  readonly name: string;
  readonly #ttlMs: number;
  readonly #ticker: Ticker;
  readonly #l1: L1<V>;
  readonly #l2: L2<V> | undefined;
  readonly #tags: Tags;
  readonly #loads: Loads;
  readonly #fetcher: Fetcher<V>;
  readonly #purges: Purges | undefined;
  readonly #component: Component;
  readonly #retract: () => void;
  #closing: Promise<void> | undefined;

  constructor(options: ResolvedOptions) {
    this.name = options.name;
    this.#ttlMs = options.ttlMs;
    this.#ticker = tickerOf(options.clock);
    this.#l1 = openL1(options, this.#ticker);
    this.#tags = new Tags((tag) =>
      tag === EVERYTHING ? this.#l1.invalidate() : this.#l1.endTag(),
    );
    this.#l2 = openL2(options, this.#ticker, this.#tags, this.#audience());
    this.#purges = openPurges(options, this.#ticker);
    this.#loads = new Loads(options);
    const parts = {
      l1: this.#l1,
      l2: this.#l2,
      loads: this.#loads,
      tags: this.#tags,
      ticker: this.#ticker,
    };
    this.#fetcher = new Fetcher(parts, options);
    this.#component = { kind: 'cache', name: this.name, stats: () => this.stats() };
    this.#retract = announce(this.#component);
  }

  peek(key: string): V | undefined {
    return this.#l1.fresh(key)?.value;
  }

  getOrSet(key: string, load: Loader<V>, options?: LoadOptions): Promise<V>;
  getOrSet(
    key: string,
    load: Loader<V, V | undefined>,
    options?: LoadOptions,
  ): Promise<V | undefined>;
  getOrSet(
    key: string,
    load: Loader<V, V | undefined>,
    options?: LoadOptions,
  ): Promise<V | undefined> {
    if (options !== undefined && !takesHit(options)) return this.#miss(key, load, options);
    const entry = this.#l1.fresh(key);
    if (entry === undefined) return this.#miss(key, load, options);
    entry.promise ??= Promise.resolve(entry.value);
    return entry.promise;
  }

  async get(key: string, options?: WaitOptions): Promise<V | undefined> {
    this.#refuse(options?.signal);
    checkKey(key);
    const entry = this.#l1.fresh(key);
    return entry ? entry.value : this.#fetcher.find(key, options?.signal);
  }

  async getMany(
    keys: Iterable<string>,
    load?: ManyLoader<V>,
    options?: ManyOptions,
  ): Promise<Map<string, V>> {
    const { signal, tags = [], fresh } = options ?? {};
    this.#refuse(signal);
    checkTags(tags);
    const wanted = uniqueKeys(keys);
    const batch = load && new LoadBatch(wanted, this.#tracedMany(load), this.#loads);
    const calls = new Map<string, Promise<V | undefined>>();
    for (const key of wanted) calls.set(key, this.#oneOfMany(key, batch, { tags, signal, fresh }));
    return gather(calls, { signal, onError: options?.onError });
  }

  async set(key: string, value: V, options?: SetOptions): Promise<WriteResult> {
    this.#refuse();
    checkKey(key);
    if (value === undefined) throw new TypeError('a value to set must not be undefined: delete it');
    checkInteger('ttlMs', options?.ttlMs ?? this.#ttlMs, 1);
    const tags = options?.tags ?? [];
    checkTags(tags);
    const ttlMs = this.#fetcher.loading.jittered(options?.ttlMs ?? this.#ttlMs);
    const encoded = this.#l2?.encode(key, value);
    this.#fetcher.fence(key);
    const own = tags.map((tag) => this.#tags.assume(tag));
    const { epoch } = this.#l1;
    this.#fetcher.loading.keep(key, value, ttlMs, { epoch, tags: own, etag: encoded?.etag });
    if (!this.#l2 || !encoded) return { acknowledged: true };
    const writing = { ...encoded, ttlMs, tookMs: 0 };
    if (await this.#l2.set(key, writing, tags)) return { acknowledged: true };
    // L2 may still have the older value, which nobody must see once it is back.
    return { acknowledged: await this.#l2.delete(key) };
  }

  async delete(key: string): Promise<WriteResult> {
    this.#refuse();
    checkKey(key);
    this.#drop([key]);
    return { acknowledged: this.#l2 ? await this.#l2.delete(key) : true };
  }

  async expire(key: string): Promise<WriteResult> {
    this.#refuse();
    checkKey(key);
    this.#makeStale([key]);
    return { acknowledged: this.#l2 ? await this.#l2.expire(key) : true };
  }

  async invalidateTags(...tags: string[]): Promise<WriteResult> {
    this.#refuse();
    checkTags(tags);
    // Purged before L2 knows of it, a CDN might ask a process that does not.
    return this.#invalidate(tags).finally(() => this.#purges?.add(tags));
  }

  async clear(): Promise<WriteResult> {
    this.#refuse();
    return this.#invalidate([EVERYTHING]).finally(() => this.#purges?.add([EVERYTHING]));
  }

  entry(key: string): CacheEntry<V> | undefined {
    const entry = this.#l1.any(key);
    return entry && this.#l1.isServable(entry) ? this.#l1.describe(entry) : undefined;
  }

  stats(): CacheStats {
    const { hits, misses, size, bytes } = this.#l1;
    return {
      l1: { hits, misses, entries: size, bytes },
      l2: this.#l2?.stats() ?? noL2,
      loads: this.#loads.started,
      loadFailures: this.#loads.failed,
      abandonedLoads: this.#loads.abandoned,
      sharedFlights: this.#fetcher.shared,
      fencedWrites: this.#fetcher.loading.fenced,
      staleServed: this.#fetcher.staleServed,
      purges: this.#purges?.stats() ?? noPurges,
    };
  }

  close(options?: { readonly timeoutMs?: number }): Promise<void> {
    const timeoutMs = options?.timeoutMs ?? 5000;
    checkDelay('timeoutMs', timeoutMs, 0);
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #miss(
    key: string,
    load: Loader<V, V | undefined>,
    options: LoadOptions | undefined,
  ): Promise<V | undefined> {
    this.#refuse(options?.signal);
    const { signal, tags = [], fresh } = options ?? {};
    checkKey(key);
    checkTags(tags);
    const traced: Loader<V, V | undefined> = (context) =>
      this.#withinSpan(1, context.signal, () => load(context));
    return this.#fetcher.fetch(key, { load: traced, tags, signal, fresh });
  }

  async #invalidate(tags: readonly string[]): Promise<WriteResult> {
    const l2 = this.#l2;
    if (l2) {
      const confirmed = await Promise.all(tags.map((tag) => l2.invalidate(tag)));
      return { acknowledged: !confirmed.includes(false) };
    }
    for (const tag of tags) this.#tags.end(tag);
    return { acknowledged: true };
  }

  #tracedMany(load: ManyLoader<V>): ManyLoader<V> {
    return (keys, context) =>
      this.#withinSpan(keys.length, context.signal, () => load(keys, context));
  }

  #withinSpan<T>(keys: number, signal: AbortSignal, load: () => T | PromiseLike<T>): Promise<T> {
    const attributes = { 'cache.name': this.name, 'cache.keys': keys };
    return withinSpan(`load ${this.name}`, attributes, load, signal);
  }

  #audience(): Audience {
    return {
      changed: (keys) => this.#drop(keys),
      expired: (keys) => this.#makeStale(keys),
      touched: (keys) => {
        for (const key of keys) this.#fetcher.touch(key);
      },
      holds: (key) => this.#l1.any(key) !== undefined || this.#fetcher.isUnderWay(key),
      // Two processes may have renewed it at once, and be heard in another order than L2 saw them.
      renewed: (tag) => this.#tags.end(tag),
      distrust: () => {
        this.#l1.distrust();
        this.#tags.distrust();
      },
      invalidated: (tags) => this.#purges?.add(tags),
    };
  }

  /** Somebody has changed these, here or in another process. */
  #drop(keys: readonly string[]): void {
    for (const key of keys) {
      this.#fetcher.fence(key);
      this.#l1.delete(key);
    }
  }

  /** Somebody has said, here or in another process, that their ttl is over. */
  #makeStale(keys: readonly string[]): void {
    for (const key of keys) {
      this.#fetcher.fence(key);
      this.#l1.expire(key);
    }
  }

  async #oneOfMany(
    key: string,
    batch: LoadBatch<V> | undefined,
    asked: Pick<Request<V>, 'tags' | 'signal' | 'fresh'>,
  ): Promise<V | undefined> {
    try {
      const entry = asked.fresh && batch ? undefined : this.#l1.fresh(key);
      if (entry) return entry.value;
      if (!batch) return await this.#fetcher.find(key, asked.signal);
      const load = (context: LoadContext<V>) => batch.join(context);
      const onWait = () => batch.settle(key);
      return await this.#fetcher.fetch(key, { ...asked, load, onWait });
    } finally {
      batch?.settle(key);
    }
  }

  #refuse(signal?: AbortSignal): void {
    if (this.#closing) throw new CacheClosedError(this.name);
    signal?.throwIfAborted();
  }

  async #close(timeoutMs: number): Promise<void> {
    const endsAt = performance.now() + timeoutMs;
    this.#purges?.hurry();
    await this.#fetcher.settle(timeoutMs, new CacheClosedError(this.name));
    await this.#l2?.close();
    await this.#purges?.close(Math.max(0, endsAt - performance.now()));
    this.#l1.clear();
    this.#ticker.release();
    this.#retract();
  }
}

/** Whether a value that is at hand will do. */
function takesHit({ signal, fresh }: LoadOptions): boolean {
  return fresh !== true && signal?.aborted !== true;
}
