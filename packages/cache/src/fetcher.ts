import type { Ticker } from './clock.ts';
import type { Entry } from './entry.ts';
import { Flight } from './flight.ts';
import type { L1 } from './l1.ts';
import type { Found, L2 } from './l2.ts';
import type { Lease } from './leases.ts';
import type { Loaded, Loader, Loads } from './load.ts';

/** What a look into L2 showed, as an entry. */
interface Seen<V> {
  readonly entry: Entry<V> | undefined;
  readonly known: Uint8Array | undefined;
}

const nothing = { entry: undefined, known: undefined };

/** Everything that is not a hit in L1: looks into L2 and loads, one of each per key at a time. */
export class Fetcher<V> {
  /** Callers that waited for somebody else's load or look into L2. */
  shared = 0;
  /** Loaded values that were not stored, as the key was deleted or set meanwhile. */
  fenced = 0;
  /** Loads that failed and were answered with a value past its ttl. */
  staleServed = 0;
  readonly #l1: L1<V>;
  readonly #l2: L2<V> | undefined;
  readonly #loads: Loads;
  readonly #ticker: Ticker;
  readonly #flights = new Map<string, Flight<V | undefined>>();
  readonly #looks = new Map<string, Flight<Seen<V>>>();

  constructor(l1: L1<V>, l2: L2<V> | undefined, loads: Loads, ticker: Ticker) {
    this.#l1 = l1;
    this.#l2 = l2;
    this.#loads = loads;
    this.#ticker = ticker;
  }

  /** From L2 or the loader. */
  fetch(
    key: string,
    load: Loader<V, V | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<V | undefined> {
    return this.#join(this.#flights, key, signal, (flight) => this.#fly(flight, key, load));
  }

  /** From L2, if it is fresh there. */
  async find(key: string, signal: AbortSignal | undefined): Promise<V | undefined> {
    const { entry } = await this.#look(key, signal);
    return entry && this.#l1.isFresh(entry) ? entry.value : undefined;
  }

  /** A value that was got from the loader or the user just now. */
  keep(key: string, value: V, ttlMs: number): void {
    const createdAt = this.#ticker.read();
    this.#l1.set(key, this.#l1.make(value, { createdAt, expiresAt: createdAt + ttlMs }, 'loader'));
  }

  /** What is under way for the key is older than what was just said about it: nobody keeps it. */
  fence(key: string): void {
    for (const underWay of [this.#flights, this.#looks]) {
      const flight = underWay.get(key);
      if (flight) flight.isFenced = true;
      underWay.delete(key);
    }
  }

  /** Waits for what is under way; stops, with the reason, what takes longer than `timeoutMs`. */
  async settle(timeoutMs: number, reason: () => unknown): Promise<void> {
    const running = [...this.#flights.values()];
    const timer = setTimeout(() => {
      for (const flight of running) flight.stop(reason());
    }, timeoutMs);
    await Promise.allSettled(running.map((flight) => flight.result));
    clearTimeout(timer);
  }

  /** Joins what is under way for the key, or begins it. */
  #join<T>(
    underWay: Map<string, Flight<T>>,
    key: string,
    signal: AbortSignal | undefined,
    work: (flight: Flight<T>) => Promise<T>,
  ): Promise<T> {
    let flight = underWay.get(key);
    if (flight) this.shared += 1;
    else {
      const land = (self: Flight<T>) => {
        if (underWay.get(key) === self) underWay.delete(key);
      };
      flight = new Flight((self) => work(self).finally(() => land(self)), land);
      underWay.set(key, flight);
    }
    return flight.join(signal);
  }

  async #fly(
    flight: Flight<V | undefined>,
    key: string,
    load: Loader<V, V | undefined>,
  ): Promise<V | undefined> {
    const { entry, known } = await this.#look(key, undefined);
    if (entry && this.#l1.isFresh(entry)) return entry.value;
    const { found, lease } = (await this.#l2?.claim(key, known, flight.signal)) ?? {};
    if (found) return this.#promote(flight, key, found).value;
    return this.#load(flight, key, load, entry ?? this.#l1.any(key), lease);
  }

  async #load(
    flight: Flight<V | undefined>,
    key: string,
    load: Loader<V, V | undefined>,
    old: Entry<V> | undefined,
    lease: Lease | undefined,
  ): Promise<V | undefined> {
    const { signal } = flight;
    const previous = old && this.#l1.describe(old);
    const stop = (reason: unknown) => flight.stop(reason);
    let loaded: Loaded<V | undefined>;
    try {
      loaded = await this.#loads.run({ key, load, previous, signal, stop });
    } catch (error) {
      lease?.release();
      if (!old || !this.#l1.isServable(old)) throw error;
      this.staleServed += 1;
      return old.value;
    }
    await this.#store(flight, key, loaded, lease);
    return loaded.value;
  }

  async #store(
    flight: Flight<V | undefined>,
    key: string,
    loaded: Loaded<V | undefined>,
    lease: Lease | undefined,
  ): Promise<void> {
    const { value, ttlMs, skipped } = loaded;
    if (value === undefined || skipped || flight.isFenced) {
      lease?.release();
      if (flight.isFenced) this.fenced += 1;
      return;
    }
    const isFenced = await this.#fill(key, value, loaded, lease);
    if (flight.isFenced || isFenced) this.fenced += 1;
    else this.keep(key, value, ttlMs);
  }

  /** Writes to L2; true when L2 says that the key was deleted or set since the load began. */
  async #fill(
    key: string,
    value: V,
    loaded: Loaded<unknown>,
    lease: Lease | undefined,
  ): Promise<boolean> {
    if (!this.#l2) return false;
    let payload: Uint8Array;
    try {
      payload = this.#l2.encode(value);
    } catch (error) {
      lease?.release();
      throw error;
    }
    return (await this.#l2.fill(key, payload, loaded, lease)) === 'fenced';
  }

  /** What L2 has, fresh or kept for a failing loader; L1 keeps it too. */
  #look(key: string, signal: AbortSignal | undefined): Promise<Seen<V>> {
    const l2 = this.#l2;
    if (!l2) return Promise.resolve(nothing);
    return this.#join(this.#looks, key, signal, async (look) => {
      const { found, known } = await l2.read(key);
      return { entry: found && this.#promote(look, key, found), known };
    });
  }

  #promote(flight: Flight<unknown>, key: string, { value, life }: Found<V>): Entry<V> {
    const entry = this.#l1.make(value, life, 'l2');
    if (!flight.isFenced) this.#l1.set(key, entry);
    return entry;
  }
}
