import type { Ticker } from './clock.ts';
import { Failures } from './failures.ts';
import { Flight } from './flight.ts';
import type { Kept, L1 } from './l1.ts';
import type { Found, L2 } from './l2.ts';
import type { Lease } from './leases.ts';
import type { Loaded, Loader, Loads } from './load.ts';

/** What a look into L2 showed, as an entry. */
interface Seen<V> {
  readonly entry: Kept<V> | undefined;
  readonly known: Uint8Array | undefined;
}

/** What somebody asks for. */
export interface Request<V> {
  readonly load: Loader<V, V | undefined>;
  readonly signal?: AbortSignal | undefined;
  /** Called when it turns out that somebody else loads the key. */
  readonly onWait?: (() => void) | undefined;
}

/** What the fetcher works with. */
export interface FetcherParts<V> {
  readonly l1: L1<V>;
  readonly l2: L2<V> | undefined;
  readonly loads: Loads;
  readonly ticker: Ticker;
}

/** How it treats loads that are slow or fail, and values. */
export interface FetcherOptions {
  /** After how many ms a caller is given what is past its ttl while the load goes on. */
  readonly softMs: number | undefined;
  /** How long a failure is remembered. */
  readonly errorTtlMs: number;
  /** By which part, at random, a ttl is shortened at most. */
  readonly jitter: number;
}

const nothing = { entry: undefined, known: undefined };

/** Everything that is not a hit in L1: looks into L2 and loads, one of each per key at a time. */
export class Fetcher<V> {
  /** Callers that waited for a load that somebody else had begun. */
  shared = 0;
  /** Loaded values that were not stored, as the key was deleted or set meanwhile. */
  fenced = 0;
  /** Calls that were answered with a value past its ttl, as the load failed or was slow. */
  staleServed = 0;
  readonly #l1: L1<V>;
  readonly #l2: L2<V> | undefined;
  readonly #loads: Loads;
  readonly #ticker: Ticker;
  readonly #options: FetcherOptions;
  readonly #failures: Failures;
  #closedBy: unknown;
  readonly #looks = new Map<string, Flight<Seen<V>>>();
  readonly #loading = new Map<string, Flight<V | undefined>>();

  constructor({ l1, l2, loads, ticker }: FetcherParts<V>, options: FetcherOptions) {
    this.#l1 = l1;
    this.#l2 = l2;
    this.#loads = loads;
    this.#ticker = ticker;
    this.#options = options;
    this.#failures = new Failures(options.errorTtlMs, ticker);
  }

  /** From L2 or the loader; what may be served while it is refreshed is served at once. */
  async fetch(key: string, { load, signal, onWait }: Request<V>): Promise<V | undefined> {
    let old = this.#l1.any(key);
    let known: Uint8Array | undefined;
    if (!(old && this.#l1.isUsable(old)) && !this.#loading.has(key)) {
      const seen = this.#l2 ? await this.#look(key, this.#l2, signal) : nothing;
      signal?.throwIfAborted();
      if (seen.entry && this.#l1.isFresh(seen.entry)) return seen.entry.value;
      known = seen.known;
      old = seen.entry ?? old;
    }
    if (!old || !this.#l1.isUsable(old))
      return this.#load(key, { load, signal, onWait }, known, old);
    if (!this.#failures.get(key)) this.#begin(key, { load }, known).join(undefined);
    return old.value;
  }

  /** From L2, if it is within its ttl there. */
  async find(key: string, signal: AbortSignal | undefined): Promise<V | undefined> {
    if (!this.#l2) return undefined;
    const { entry } = await this.#look(key, this.#l2, signal);
    return entry && this.#l1.isValid(entry) ? entry.value : undefined;
  }

  /** Some ttls are made a little shorter, so that what was stored together does not end together. */
  jittered(ttlMs: number): number {
    return Math.ceil(ttlMs * (1 - this.#options.jitter * Math.random()));
  }

  /** A value that was got from the loader or the user just now. */
  keep(key: string, value: V | undefined, ttlMs: number, epoch: number): void {
    const createdAt = this.#ticker.read();
    const life = { createdAt, expiresAt: createdAt + ttlMs };
    this.#l1.set(key, this.#l1.make(value, life, epoch, 'loader'));
  }

  /** What is under way for the key is older than what was just said about it: nobody keeps it. */
  fence(key: string): void {
    this.#failures.delete(key);
    for (const underWay of [this.#loading, this.#looks]) {
      const flight = underWay.get(key);
      if (flight) flight.isFenced = true;
      underWay.delete(key);
    }
  }

  /** Waits for what runs; stops, with the reason, what takes longer than `timeoutMs`. Nothing begins after it. */
  async settle(timeoutMs: number, reason: unknown): Promise<void> {
    const timer = setTimeout(() => {
      this.#closedBy = reason;
      for (const flight of this.#underWay()) flight.stop(reason);
    }, timeoutMs);
    for (let running = this.#underWay(); running.length > 0; running = this.#underWay()) {
      await Promise.allSettled(running.map((flight) => flight.result));
      // Who waited for a look may begin a load now.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#closedBy = reason;
    clearTimeout(timer);
  }

  #underWay(): (Flight<Seen<V>> | Flight<V | undefined>)[] {
    return [...this.#looks.values(), ...this.#loading.values()];
  }

  /** Waits for a load, or makes do with what is past its ttl. */
  async #load(
    key: string,
    request: Request<V>,
    known: Uint8Array | undefined,
    old: Kept<V> | undefined,
  ): Promise<V | undefined> {
    const failure = this.#failures.get(key);
    if (failure) return this.#makeDo(old, failure.error);
    if (this.#loading.has(key)) {
      this.shared += 1;
      request.onWait?.();
    }
    const loading = this.#begin(key, request, known).join(request.signal);
    try {
      return await this.#softly(loading, old);
    } catch (error) {
      if (request.signal?.aborted) throw error;
      return this.#makeDo(old, error);
    }
  }

  async #softly(loading: Promise<V | undefined>, old: Kept<V> | undefined): Promise<V | undefined> {
    const { softMs } = this.#options;
    if (softMs === undefined || !old || !this.#l1.isServable(old)) return loading;
    const slow = Promise.withResolvers<Kept<V>>();
    const timer = setTimeout(() => slow.resolve(old), softMs);
    const first = await Promise.race([loading, slow.promise]).finally(() => clearTimeout(timer));
    return first === old ? this.#makeDo(old, undefined) : loading;
  }

  #makeDo(old: Kept<V> | undefined, error: unknown): V | undefined {
    if (!old || !this.#l1.isServable(old)) throw error;
    this.staleServed += 1;
    return old.value;
  }

  /** The load that runs, or a new one. */
  #begin(key: string, request: Request<V>, known: Uint8Array | undefined): Flight<V | undefined> {
    return this.#flight(this.#loading, key, (flight) => this.#run(flight, key, request, known));
  }

  async #run(
    flight: Flight<V | undefined>,
    key: string,
    { load, onWait }: Request<V>,
    known: Uint8Array | undefined,
  ): Promise<V | undefined> {
    const { signal } = flight;
    const suffices = (found: Found<V>) => this.#l1.isFresh(this.#entryOf(flight, found));
    const claim = await this.#l2?.claim(key, known, suffices, { signal, onWait });
    if (claim?.found) return this.#promote(flight, key, claim.found).value;
    const lease = claim?.lease;
    const loaded = await this.#call(flight, key, load).catch((error) => {
      lease?.release();
      if (!flight.isFenced) this.#failures.add(key, error);
      throw error;
    });
    await this.#store(flight, key, loaded, lease);
    return loaded.value;
  }

  #call(
    flight: Flight<V | undefined>,
    key: string,
    load: Loader<V, V | undefined>,
  ): Promise<Loaded<V | undefined>> {
    const old = this.#l1.any(key);
    const previous = old && this.#l1.describe(old);
    const stop = (reason: unknown) => flight.stop(reason);
    return this.#loads.run({ key, load, previous, signal: flight.signal, stop });
  }

  async #store(
    flight: Flight<V | undefined>,
    key: string,
    loaded: Loaded<V | undefined>,
    lease: Lease | undefined,
  ): Promise<void> {
    if (loaded.ttlMs === 0 || flight.isFenced) {
      lease?.release();
      if (flight.isFenced) this.fenced += 1;
      return;
    }
    const ttlMs = this.jittered(loaded.ttlMs);
    const isFenced = await this.#fill(key, { ...loaded, ttlMs }, lease);
    if (flight.isFenced || isFenced) this.fenced += 1;
    else this.keep(key, loaded.value, ttlMs, flight.epoch);
  }

  /** Writes to L2; true when L2 says that the key was deleted or set since the load began. */
  async #fill(
    key: string,
    loaded: Loaded<V | undefined>,
    lease: Lease | undefined,
  ): Promise<boolean> {
    if (!this.#l2) return false;
    let payload: Uint8Array | undefined;
    try {
      payload = this.#l2.encode(loaded.value);
    } catch (error) {
      lease?.release();
      throw error;
    }
    return (await this.#l2.fill(key, payload, loaded, lease)) === 'fenced';
  }

  /** What L2 has, fresh or kept for a failing loader; L1 keeps it too. */
  #look(key: string, l2: L2<V>, signal: AbortSignal | undefined): Promise<Seen<V>> {
    const look = this.#flight(this.#looks, key, async (flight) => {
      const { found, known } = await l2.read(key);
      return { entry: found && this.#promote(flight, key, found), known };
    });
    return look.join(signal);
  }

  /** What is under way for the key, or begins now. */
  #flight<T>(
    underWay: Map<string, Flight<T>>,
    key: string,
    work: (flight: Flight<T>) => Promise<T>,
  ): Flight<T> {
    const running = underWay.get(key);
    if (running) return running;
    if (this.#closedBy !== undefined) throw this.#closedBy;
    const land = (self: Flight<T>) => {
      if (underWay.get(key) === self) underWay.delete(key);
    };
    const landing = (self: Flight<T>) => work(self).finally(() => land(self));
    const flight = new Flight(this.#l1.epoch, landing, land);
    underWay.set(key, flight);
    return flight;
  }

  #promote(flight: Flight<unknown>, key: string, found: Found<V>): Kept<V> {
    const entry = this.#entryOf(flight, found);
    if (!flight.isFenced) this.#l1.set(key, entry);
    return entry;
  }

  #entryOf(flight: Flight<unknown>, { value, life }: Found<V>): Kept<V> {
    return this.#l1.make(value, life, flight.epoch, 'l2');
  }
}
