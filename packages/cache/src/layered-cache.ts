import { announce, type Component } from './announce.ts';
import type {
  Cache,
  CacheEntry,
  CacheStats,
  SetOptions,
  WaitOptions,
  WriteResult,
} from './cache.ts';
import { checkInteger } from './check.ts';
import { type Ticker, tickerOf } from './clock.ts';
import { Entry } from './entry.ts';
import { CacheClosedError } from './errors.ts';
import { Flight } from './flight.ts';
import { L1 } from './l1.ts';
import { L2, type L2Stats } from './l2.ts';
import { type Loaded, type Loader, Loads } from './load.ts';
import { type CacheOptions, type ResolvedOptions, resolveOptions } from './options.ts';

/**
 * Makes a cache. It opens no connection and reads nothing but its options.
 *
 * @throws RangeError or TypeError that names the option and its value
 */
export function createCache<V>(options: CacheOptions): Cache<V> {
  return new LayeredCache(resolveOptions(options));
}

const noL2: L2Stats = {
  hits: 0,
  misses: 0,
  foreign: 0,
  failures: 0,
  skipped: 0,
  waitingDeletes: 0,
};

class LayeredCache<V> implements Cache<V> {
  readonly name: string;
  readonly #options: ResolvedOptions;
  readonly #ticker: Ticker;
  readonly #l1: L1<V>;
  readonly #l2: L2<V> | undefined;
  readonly #loads: Loads;
  /** One per key that is being looked up or loaded for `getOrSet`. */
  readonly #flights = new Map<string, Flight<V | undefined>>();
  /** One per key that is being read from L2. */
  readonly #lookups = new Map<string, Flight<Entry<V> | undefined>>();
  readonly #component: Component;
  readonly #retract: () => void;
  #sharedFlights = 0;
  #fencedWrites = 0;
  #staleServed = 0;
  #closing: Promise<void> | undefined;

  constructor(options: ResolvedOptions) {
    const { name, version, l2, codec, staleIfErrorMs } = options;
    this.name = name;
    this.#options = options;
    this.#ticker = tickerOf(options.clock);
    this.#l1 = new L1(options.maxEntries, options.l1TtlMs, this.#ticker);
    this.#l2 = l2 && new L2(l2, `${name}:v${version}:`, codec, staleIfErrorMs, this.#ticker);
    this.#loads = new Loads(options.ttlMs, options.hardMs);
    this.#component = { kind: 'cache', name, stats: () => this.stats() };
    this.#retract = announce(this.#component);
  }

  peek(key: string): V | undefined {
    return this.#l1.fresh(key)?.value;
  }

  getOrSet(key: string, load: Loader<V>, options?: WaitOptions): Promise<V>;
  getOrSet(
    key: string,
    load: Loader<V, V | undefined>,
    options?: WaitOptions,
  ): Promise<V | undefined>;
  getOrSet(
    key: string,
    load: Loader<V, V | undefined>,
    options?: WaitOptions,
  ): Promise<V | undefined> {
    const entry = this.#l1.fresh(key);
    if (entry === undefined || options?.signal?.aborted) return this.#fetch(key, load, options);
    entry.promise ??= Promise.resolve(entry.value);
    return entry.promise;
  }

  async get(key: string, options?: WaitOptions): Promise<V | undefined> {
    this.#refuse(options?.signal);
    const entry = this.#l1.fresh(key) ?? (await this.#lookup(key, options?.signal));
    return entry && this.#isFresh(entry) ? entry.value : undefined;
  }

  async set(key: string, value: V, options?: SetOptions): Promise<WriteResult> {
    this.#refuse();
    if (value === undefined) throw new TypeError('a value to set must not be undefined: delete it');
    const ttlMs = options?.ttlMs ?? this.#options.ttlMs;
    checkInteger('ttlMs', ttlMs, 1);
    const payload = this.#l2?.encode(value);
    this.#fence(key);
    this.#keep(key, value, ttlMs);
    if (!this.#l2 || !payload) return { acknowledged: true };
    if (await this.#l2.write(key, payload, ttlMs, 0)) return { acknowledged: true };
    // L2 may still have the older value, which nobody must see once it is back.
    return { acknowledged: await this.#l2.delete(key) };
  }

  async delete(key: string): Promise<WriteResult> {
    this.#refuse();
    this.#fence(key);
    this.#l1.delete(key);
    return { acknowledged: this.#l2 ? await this.#l2.delete(key) : true };
  }

  entry(key: string): CacheEntry<V> | undefined {
    const entry = this.#l1.any(key);
    return entry && this.#isServable(entry) ? this.#describe(entry) : undefined;
  }

  stats(): CacheStats {
    const { hits, misses, size } = this.#l1;
    return {
      l1: { hits, misses, entries: size },
      l2: this.#l2?.stats() ?? noL2,
      loads: this.#loads.started,
      loadFailures: this.#loads.failed,
      abandonedLoads: this.#loads.abandoned,
      sharedFlights: this.#sharedFlights,
      fencedWrites: this.#fencedWrites,
      staleServed: this.#staleServed,
    };
  }

  close(options?: { readonly timeoutMs?: number }): Promise<void> {
    const timeoutMs = options?.timeoutMs ?? 5000;
    checkInteger('timeoutMs', timeoutMs, 0);
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Everything that is not a hit in L1. */
  async #fetch(
    key: string,
    load: Loader<V, V | undefined>,
    options: WaitOptions | undefined,
  ): Promise<V | undefined> {
    this.#refuse(options?.signal);
    let flight = this.#flights.get(key);
    if (flight) this.#sharedFlights += 1;
    else {
      flight = new Flight(
        (self) => this.#fly(self, key, load),
        (self) => this.#land(key, self),
      );
      this.#flights.set(key, flight);
    }
    return flight.join(options?.signal);
  }

  async #fly(
    flight: Flight<V | undefined>,
    key: string,
    load: Loader<V, V | undefined>,
  ): Promise<V | undefined> {
    try {
      const found = await this.#lookup(key, undefined);
      if (found && this.#isFresh(found)) return found.value;
      return await this.#load(flight, key, load, found ?? this.#l1.any(key));
    } finally {
      this.#land(key, flight);
    }
  }

  async #load(
    flight: Flight<V | undefined>,
    key: string,
    load: Loader<V, V | undefined>,
    known: Entry<V> | undefined,
  ): Promise<V | undefined> {
    const { signal } = flight;
    const previous = known && this.#describe(known);
    const stop = (reason: unknown) => flight.stop(reason);
    let loaded: Loaded<V | undefined>;
    try {
      loaded = await this.#loads.run({ key, load, previous, signal, stop });
    } catch (error) {
      if (!known || !this.#isServable(known)) throw error;
      this.#staleServed += 1;
      return known.value;
    }
    await this.#store(flight, key, loaded);
    return loaded.value;
  }

  async #store(
    flight: Flight<V | undefined>,
    key: string,
    { value, ttlMs, skipped, tookMs }: Loaded<V | undefined>,
  ): Promise<void> {
    if (value === undefined || skipped) return;
    const payload = this.#l2?.encode(value);
    if (this.#l2 && payload && !flight.isFenced) await this.#l2.write(key, payload, ttlMs, tookMs);
    if (flight.isFenced) this.#fencedWrites += 1;
    else this.#keep(key, value, ttlMs);
  }

  /** What L2 has, fresh or kept for a failing loader: one read for all who ask, and L1 keeps it. */
  async #lookup(key: string, signal: AbortSignal | undefined): Promise<Entry<V> | undefined> {
    const l2 = this.#l2;
    if (!l2) return undefined;
    let lookup = this.#lookups.get(key);
    if (lookup) this.#sharedFlights += 1;
    else {
      lookup = new Flight(
        (self) => this.#readL2(self, l2, key),
        () => undefined,
      );
      this.#lookups.set(key, lookup);
    }
    return lookup.join(signal);
  }

  async #readL2(
    lookup: Flight<Entry<V> | undefined>,
    l2: L2<V>,
    key: string,
  ): Promise<Entry<V> | undefined> {
    const found = await l2.read(key);
    if (this.#lookups.get(key) === lookup) this.#lookups.delete(key);
    if (!found) return undefined;
    const { value, life } = found;
    if (!lookup.isFenced) return this.#l1.set(key, value, life, 'l2');
    return new Entry(value, life.createdAt, life.expiresAt, life.expiresAt, 'l2');
  }

  /** What is under way for the key is older than what was just said about it. */
  #fence(key: string): void {
    for (const under of [this.#flights, this.#lookups]) {
      const flight = under.get(key);
      if (flight) flight.isFenced = true;
      under.delete(key);
    }
  }

  #keep(key: string, value: V, ttlMs: number): void {
    const createdAt = this.#ticker.read();
    this.#l1.set(key, value, { createdAt, expiresAt: createdAt + ttlMs }, 'loader');
  }

  #land(key: string, flight: Flight<V | undefined>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }

  #isFresh(entry: Entry<V>): boolean {
    return this.#ticker.read() < entry.expiresAt;
  }

  #isServable(entry: Entry<V>): boolean {
    return this.#ticker.read() < entry.expiresAt + this.#options.staleIfErrorMs;
  }

  #describe(entry: Entry<V>): CacheEntry<V> {
    const now = this.#ticker.read();
    const { value, createdAt, expiresAt, source } = entry;
    return { value, ageMs: now - createdAt, ttlMs: expiresAt - now, tier: source };
  }

  #refuse(signal?: AbortSignal): void {
    if (this.#closing) throw new CacheClosedError(this.name);
    signal?.throwIfAborted();
  }

  async #close(timeoutMs: number): Promise<void> {
    const running = [...this.#flights.values()];
    const timer = setTimeout(() => {
      for (const flight of running) flight.stop(new CacheClosedError(this.name));
    }, timeoutMs);
    await Promise.allSettled(running.map((flight) => flight.result));
    clearTimeout(timer);
    await this.#l2?.close();
    this.#l1.clear();
    this.#ticker.release();
    this.#retract();
  }
}
