import type { Ticker } from './clock.ts';
import type { Origin } from './entry.ts';
import { Failures } from './failures.ts';
import { Flight } from './flight.ts';
import type { Kept, L1 } from './l1.ts';
import type { Claim, L2 } from './l2.ts';
import { withLateTags } from './late-tags.ts';
import type { Lease } from './leases.ts';
import type { Loaded, Loader, Loads } from './load.ts';
import type { Found } from './sealer.ts';
import { EVERYTHING, type Generation, isOver, type Tags } from './tags.ts';

/** What a look into L2 showed, as an entry. */
interface Seen<V> {
  readonly entry: Kept<V> | undefined;
  readonly known: Uint8Array | undefined;
  readonly everything: Generation | undefined;
}

/** What somebody asks for. */
export interface Request<V> {
  readonly load: Loader<V, V | undefined>;
  /** Tags of the value unless the loader names others. */
  readonly tags: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** Called when it turns out that somebody else loads the key. */
  readonly onWait?: (() => void) | undefined;
}

/** What was known when a value was asked for. */
export type Asked = Pick<Origin, 'epoch' | 'tags'>;

/** What the fetcher works with. */
export interface FetcherParts<V> {
  readonly l1: L1<V>;
  readonly l2: L2<V> | undefined;
  readonly loads: Loads;
  readonly tags: Tags;
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

const nothing = { entry: undefined, known: undefined, everything: undefined };

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
  readonly #tags: Tags;
  readonly #ticker: Ticker;
  readonly #options: FetcherOptions;
  readonly #failures: Failures;
  #closedBy: unknown;
  readonly #looks = new Map<string, Flight<Seen<V>>>();
  readonly #loading = new Map<string, Flight<V | undefined>>();

  constructor({ l1, l2, loads, tags, ticker }: FetcherParts<V>, options: FetcherOptions) {
    this.#l1 = l1;
    this.#l2 = l2;
    this.#loads = loads;
    this.#tags = tags;
    this.#ticker = ticker;
    this.#options = options;
    this.#failures = new Failures(options.errorTtlMs, ticker);
  }

  /** From L2 or the loader; what may be served while it is refreshed is served at once. */
  async fetch(key: string, request: Request<V>): Promise<V | undefined> {
    const { signal } = request;
    let old = this.#l1.any(key);
    let seen: Seen<V> = nothing;
    if (!(old && this.#l1.isUsable(old)) && !joinable(this.#loading, key)) {
      if (this.#l2) seen = await this.#look(key, this.#l2, signal);
      signal?.throwIfAborted();
      if (seen.entry && this.#l1.isFresh(seen.entry)) return seen.entry.value;
      old = seen.entry ?? old;
    }
    if (!old || !this.#l1.isUsable(old)) return this.#load(key, request, seen, old);
    if (!this.#failures.get(key)) this.#begin(key, request, seen).join(undefined);
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
  keep(key: string, value: V | undefined, ttlMs: number, asked: Asked): void {
    const createdAt = this.#ticker.read();
    const life = { createdAt, expiresAt: createdAt + ttlMs };
    const tags = asked.tags.filter(({ tag }) => tag !== EVERYTHING);
    this.#l1.set(key, this.#l1.make(value, life, { source: 'loader', epoch: asked.epoch, tags }));
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

  /**
   * What L2 holds for the key may have changed, by a fill of another process as well as by a stranger:
   * a load goes on, and nobody joins a look into L2 that began before.
   */
  touch(key: string): void {
    const look = this.#looks.get(key);
    if (look) look.isFenced = true;
    this.#looks.delete(key);
    const loading = this.#loading.get(key);
    if (loading) loading.isTouched = true;
    this.#l1.touch(key);
  }

  isUnderWay(key: string): boolean {
    return this.#looks.has(key) || this.#loading.has(key);
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
    seen: Seen<V>,
    old: Kept<V> | undefined,
  ): Promise<V | undefined> {
    const failure = this.#failures.get(key);
    if (failure) return this.#makeDo(old, failure.error);
    if (joinable(this.#loading, key)) {
      this.shared += 1;
      request.onWait?.();
    }
    const loading = this.#begin(key, request, seen).join(request.signal);
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
  #begin(key: string, request: Request<V>, seen: Seen<V>): Flight<V | undefined> {
    return this.#flight(this.#loading, key, (flight) => this.#run(flight, key, request, seen));
  }

  async #run(
    flight: Flight<V | undefined>,
    key: string,
    request: Request<V>,
    seen: Seen<V>,
  ): Promise<V | undefined> {
    const { claim, stamps } = await this.#prepare(flight, key, request, seen);
    if (claim?.found) return this.#promote(flight, key, claim.found).value;
    const lease = stamps && claim?.lease;
    // Where L2 does not say, only this process will hold the value and end its tags.
    const tags = stamps ?? [EVERYTHING, ...request.tags].map((tag) => this.#tags.assume(tag));
    flight.tags = tags;
    const { order, endings } = this.#tags;
    try {
      const loaded = await this.#call(flight, key, request.load);
      const parts = { tags: this.#tags, l2: this.#l2 };
      const all = loaded.tags
        ? await withLateTags(tags, loaded.tags, { order, endings }, parts)
        : tags;
      await this.#store(flight, key, loaded, all, lease);
      return loaded.value;
    } catch (error) {
      claim?.lease?.release();
      if (!flight.isFenced) this.#failures.add(key, error);
      throw error;
    }
  }

  /** The right to load, and the tags as they are before the load begins. */
  async #prepare(
    flight: Flight<V | undefined>,
    key: string,
    { tags, onWait }: Request<V>,
    seen: Seen<V>,
  ): Promise<{ claim?: Claim<V>; stamps?: readonly Generation[] | undefined }> {
    if (!this.#l2) return {};
    const { signal } = flight;
    const suffices = (found: Found<V>) => this.#l1.isFresh(this.#entryOf(flight, found));
    const stamping = this.#l2.stamps(tags, seen.everything);
    const claim = await this.#l2.claim(key, seen.known, suffices, { signal, onWait });
    const stamps = await stamping;
    if (!stamps) claim.lease?.release();
    return { claim, stamps };
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
    tags: readonly Generation[] | undefined,
    lease: Lease | undefined,
  ): Promise<void> {
    const isFenced = () => flight.isFenced || !tags || isOver(tags);
    if (loaded.ttlMs === 0 || !tags || isFenced()) {
      lease?.release();
      if (isFenced()) this.fenced += 1;
      return;
    }
    const ttlMs = this.jittered(loaded.ttlMs);
    const payload = this.#l2?.encode(key, loaded.value);
    const writing = { payload, ttlMs, tookMs: loaded.tookMs };
    flight.isTouched = false;
    const written = await this.#l2?.fill(key, writing, tags, lease);
    if (written === 'fenced' || isFenced()) this.fenced += 1;
    else this.keep(key, loaded.value, ttlMs, { epoch: flight.epoch, tags });
    if (flight.isTouched) this.#l1.touch(key);
  }

  /** What L2 has, fresh or kept for a failing loader; L1 keeps it too. */
  #look(key: string, l2: L2<V>, signal: AbortSignal | undefined): Promise<Seen<V>> {
    const look = this.#flight(this.#looks, key, async (flight) => {
      const { found, ...rest } = await l2.read(key);
      return { entry: found && this.#promote(flight, key, found), ...rest };
    });
    return look.join(signal);
  }

  /** What is under way for the key, or begins now. */
  #flight<T>(
    underWay: Map<string, Flight<T>>,
    key: string,
    work: (flight: Flight<T>) => Promise<T>,
  ): Flight<T> {
    const running = joinable(underWay, key);
    if (running) return running;
    if (this.#closedBy !== undefined) throw this.#closedBy;
    const land = (self: Flight<T>) => {
      if (underWay.get(key) === self) underWay.delete(key);
    };
    const landing = async (self: Flight<T>) => {
      try {
        return await work(self);
      } finally {
        land(self);
      }
    };
    const flight = new Flight(this.#l1.epoch, landing, land);
    underWay.set(key, flight);
    return flight;
  }

  #promote(flight: Flight<unknown>, key: string, found: Found<V>): Kept<V> {
    const entry = this.#entryOf(flight, found);
    if (!flight.isFenced) this.#l1.set(key, entry);
    if (flight.isTouched) entry.distrust();
    return entry;
  }

  #entryOf({ epoch }: Flight<unknown>, { value, life, tags }: Found<V>): Kept<V> {
    return this.#l1.make(value, life, { source: 'l2', epoch, tags });
  }
}

/** What is under way for the key, unless it began before a tag of it was invalidated. */
function joinable<T>(underWay: ReadonlyMap<string, Flight<T>>, key: string): Flight<T> | undefined {
  const flight = underWay.get(key);
  return flight && !isOver(flight.tags) ? flight : undefined;
}
