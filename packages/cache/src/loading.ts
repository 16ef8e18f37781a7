import type { Ticker } from './clock.ts';
import type { Origin } from './entry.ts';
import type { Failures } from './failures.ts';
import type { Flight } from './flight.ts';
import type { Flights } from './flights.ts';
import type { Kept, L1 } from './l1.ts';
import type { Claim, L2 } from './l2.ts';
import { withLateTags } from './late-tags.ts';
import type { Lease } from './leases.ts';
import type { Loaded, Loader, Loads } from './load.ts';
import type { Found } from './sealer.ts';
import { EVERYTHING, type Generation, isOver, type Tags } from './tags.ts';

/** What a look into L2 showed, as an entry. */
export interface Seen<V> {
  readonly entry: Kept<V> | undefined;
  readonly known: Uint8Array | undefined;
  readonly everything: Generation | undefined;
}

/** What somebody asks for. */
export interface Request<V> {
  readonly load: Loader<V, V | undefined>;
  /** Tags of the value unless the loader names others. */
  readonly tags: readonly string[];
  /** Whether what is stored already does not do. */
  readonly fresh?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when it turns out that somebody else loads the key. */
  readonly onWait?: (() => void) | undefined;
}

/** What was known when a value was asked for. */
export type Asked = Pick<Origin, 'epoch' | 'tags' | 'etag'>;

/** What values are got with. */
export interface Parts<V> {
  readonly l1: L1<V>;
  readonly l2: L2<V> | undefined;
  readonly loads: Loads;
  readonly tags: Tags;
  readonly ticker: Ticker;
}

/** What is known of other flights. */
interface Surroundings {
  readonly looks: Pick<Flights<unknown>, 'fence'>;
  readonly failures: Failures;
}

/** Carries a load out, from the lease to the last level that stores its value. */
export class Loading<V> {
  /** Loaded values that were not stored, as something else was said about the key meanwhile. */
  fenced = 0;
  /** How often a loader was called. */
  calls = 0;
  readonly #l1: L1<V>;
  readonly #l2: L2<V> | undefined;
  readonly #loads: Loads;
  readonly #tags: Tags;
  readonly #ticker: Ticker;
  readonly #looks: Surroundings['looks'];
  readonly #failures: Failures;
  readonly #jitter: number;

  /** @param jitter by which part, at random, a ttl is shortened at most */
  constructor(parts: Parts<V>, { looks, failures }: Surroundings, jitter: number) {
    this.#l1 = parts.l1;
    this.#l2 = parts.l2;
    this.#loads = parts.loads;
    this.#tags = parts.tags;
    this.#ticker = parts.ticker;
    this.#looks = looks;
    this.#failures = failures;
    this.#jitter = jitter;
  }

  /** Some ttls are made a little shorter, so that what was stored together does not end together. */
  jittered(ttlMs: number): number {
    return Math.ceil(ttlMs * (1 - this.#jitter * Math.random()));
  }

  /** A value that was got from the loader or the user just now. */
  keep(key: string, value: V | undefined, ttlMs: number, asked: Asked): void {
    // What L2 answers to an earlier question is older.
    this.#looks.fence(key);
    const createdAt = this.#ticker.read();
    const life = { createdAt, expiresAt: createdAt + ttlMs };
    const tags = asked.tags.filter(({ tag }) => tag !== EVERYTHING);
    this.#l1.set(key, this.#l1.make(value, life, { source: 'loader', ...asked, tags }));
  }

  /** Loads the key, or takes over what another process has loaded meanwhile. */
  async run(
    flight: Flight<V | undefined>,
    key: string,
    request: Request<V>,
    seen: Seen<V>,
  ): Promise<V | undefined> {
    flight.isAnew = request.fresh === true;
    const { claim, stamps } = await this.#prepare(flight, key, request, seen);
    if (claim?.found) return this.promote(flight, key, claim.found).value;
    const lease = stamps && claim?.lease;
    flight.lease = lease;
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
    const suffices = (found: Found<V>) =>
      !flight.isAnew && this.#l1.isFresh(this.#entryOf(flight, found));
    const stamping = this.#l2.stamps(tags, seen.everything);
    const claim = await this.#l2.claim(key, seen.known, suffices, { signal, onWait });
    const stamps = await stamping;
    if (!stamps || flight.isFenced) claim.lease?.release();
    return { claim, stamps };
  }

  #call(
    flight: Flight<V | undefined>,
    key: string,
    load: Loader<V, V | undefined>,
  ): Promise<Loaded<V | undefined>> {
    this.calls += 1;
    flight.began = this.calls;
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
    const encoded = this.#l2?.encode(key, loaded.value, loaded.etag);
    const { etag } = encoded ?? loaded;
    const writing = encoded && { ...encoded, ttlMs, tookMs: loaded.tookMs };
    flight.isTouched = false;
    const written = writing && (await this.#l2?.fill(key, writing, tags, lease));
    if (written === 'fenced' || isFenced()) this.fenced += 1;
    else this.keep(key, loaded.value, ttlMs, { epoch: flight.epoch, tags, etag });
    if (flight.isTouched) this.#l1.touch(key);
  }

  /** What L2 has, as an entry that L1 keeps too unless the flight is fenced. */
  promote(flight: Flight<unknown>, key: string, found: Found<V>): Kept<V> {
    const entry = this.#entryOf(flight, found);
    if (!flight.isFenced) this.#l1.set(key, entry);
    if (flight.isTouched) entry.distrust();
    return entry;
  }

  #entryOf({ epoch }: Flight<unknown>, { value, life, tags, etag }: Found<V>): Kept<V> {
    return this.#l1.make(value, life, { source: 'l2', epoch, tags, etag });
  }
}
