import { Failures } from './failures.ts';
import type { Flight } from './flight.ts';
import { Flights } from './flights.ts';
import type { Kept, L1 } from './l1.ts';
import type { L2 } from './l2.ts';
import { Loading, type Parts, type Request, type Seen } from './loading.ts';

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
  /** Calls that were answered with a value past its ttl, as the load failed or was slow. */
  staleServed = 0;
  /** What one load is made of. */
  readonly loading: Loading<V>;
  readonly #l1: L1<V>;
  readonly #l2: L2<V> | undefined;
  readonly #options: FetcherOptions;
  readonly #failures: Failures;
  #closedBy: unknown;
  readonly #looks: Flights<Seen<V>>;
  readonly #flights: Flights<V | undefined>;

  constructor(parts: Parts<V>, options: FetcherOptions) {
    const { l1, l2, ticker } = parts;
    this.#l1 = l1;
    this.#l2 = l2;
    this.#options = options;
    this.#failures = new Failures(options.errorTtlMs, ticker);
    this.#looks = new Flights(() => l1.epoch);
    this.#flights = new Flights(() => l1.epoch);
    const around = { looks: this.#looks, failures: this.#failures };
    this.loading = new Loading(parts, around, options.jitter);
  }

  /** From L2 or the loader. */
  fetch(key: string, request: Request<V>): Promise<V | undefined> {
    return request.fresh ? this.#fetchAnew(key, request) : this.#fetchKnown(key, request);
  }

  /** What may be served while it is refreshed is served at once. */
  async #fetchKnown(key: string, request: Request<V>): Promise<V | undefined> {
    const { signal } = request;
    let old = this.#l1.any(key);
    let seen: Seen<V> = nothing;
    if (!(old && this.#l1.isUsable(old)) && !this.#flights.joinable(key)) {
      if (this.#l2) seen = await this.#look(key, this.#l2, signal);
      signal?.throwIfAborted();
      if (seen.entry && this.#l1.isFresh(seen.entry)) return seen.entry.value;
      old = seen.entry ?? old;
    }
    if (!old || !this.#l1.isUsable(old)) return this.#load(key, request, seen, old);
    if (!this.#failures.get(key)) this.#begin(key, request, seen).join(undefined);
    return old.value;
  }

  /** From the loader; what is stored is only what the loader may compare with. */
  async #fetchAnew(key: string, request: Request<V>): Promise<V | undefined> {
    const calls = this.loading.calls;
    const seen = this.#l2 ? await this.#look(key, this.#l2, request.signal) : nothing;
    request.signal?.throwIfAborted();
    const failure = this.#failures.get(key);
    if (failure) throw failure.error;
    const running = this.#flights.joinable(key);
    if (running?.isAnew && running.began > calls) return this.#share(running, request);
    // An older load must not store its value after this one, nor keep it from the lease.
    this.fence(key);
    running?.lease?.release();
    return this.#begin(key, request, seen).join(request.signal);
  }

  #share(flight: Flight<V | undefined>, { onWait, signal }: Request<V>): Promise<V | undefined> {
    this.shared += 1;
    onWait?.();
    return flight.join(signal);
  }

  /** From L2, if it is within its ttl there. */
  async find(key: string, signal: AbortSignal | undefined): Promise<V | undefined> {
    if (!this.#l2) return undefined;
    const { entry } = await this.#look(key, this.#l2, signal);
    return entry && this.#l1.isValid(entry) ? entry.value : undefined;
  }

  /** What is under way for the key is older than what was just said about it: nobody keeps it. */
  fence(key: string): void {
    this.#failures.delete(key);
    this.#flights.fence(key);
    this.#looks.fence(key);
  }

  /**
   * What L2 holds for the key may have changed, by a fill of another process as well as by a stranger:
   * a load goes on, and nobody joins a look into L2 that began before.
   */
  touch(key: string): void {
    this.#looks.fence(key);
    this.#flights.touch(key);
    this.#l1.touch(key);
  }

  isUnderWay(key: string): boolean {
    return this.#looks.has(key) || this.#flights.has(key);
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
    return [...this.#looks.all(), ...this.#flights.all()];
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
    const running = this.#flights.joinable(key);
    const loading = running
      ? this.#share(running, request)
      : this.#begin(key, request, seen).join(request.signal);
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
    return this.#flight(this.#flights, key, (flight) =>
      this.loading.run(flight, key, request, seen),
    );
  }

  /** What L2 has, fresh or kept for a failing loader; L1 keeps it too. */
  #look(key: string, l2: L2<V>, signal: AbortSignal | undefined): Promise<Seen<V>> {
    const look = this.#flight(this.#looks, key, async (flight) => {
      const { found, ...rest } = await l2.read(key);
      return { entry: found && this.loading.promote(flight, key, found), ...rest };
    });
    return look.join(signal);
  }

  /** What is under way for the key, or begins now. */
  #flight<T>(flights: Flights<T>, key: string, work: (flight: Flight<T>) => Promise<T>): Flight<T> {
    const running = flights.joinable(key);
    if (running) return running;
    if (this.#closedBy !== undefined) throw this.#closedBy;
    return flights.begin(key, work);
  }
}
