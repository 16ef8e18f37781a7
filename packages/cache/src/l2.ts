import { BatchReader } from './batch-reader.ts';
import { type Audience, Bus, type OnBusLoss } from './bus.ts';
import { Changes } from './changes.ts';
import type { Ticker } from './clock.ts';
import type { Codec } from './codec.ts';
import { headOf } from './envelope.ts';
import { AWAY, Guard } from './guard.ts';
import { hearingOf, wakeFor } from './hearing.ts';
import type { L2Stats } from './l2-stats.ts';
import { type Lease, type LeasedWrite, Leases, type WaitForOthers } from './leases.ts';
import { Names } from './names.ts';
import { type Encoded, type Found, Sealer, type Writing } from './sealer.ts';
import { Stamper } from './stamper.ts';
import { EVERYTHING, type Generation, type Tags } from './tags.ts';
import type { Tier } from './tier.ts';
import { Writer } from './writer.ts';

/** What a look into L2 showed. */
export interface Sight<V> {
  readonly found: Found<V> | undefined;
  /** How the bytes begin that are there, whatever they are. */
  readonly known: Uint8Array | undefined;
  /** The generation of the tag that every entry has. */
  readonly everything: Generation | undefined;
}

/** What became of asking for the right to load. */
export interface Claim<V> {
  /** What somebody else has loaded meanwhile. */
  readonly found?: Found<V>;
  /** Undefined when the load may not be written to L2. */
  readonly lease?: Lease;
}

/** What L2 works with. */
export interface L2Parts {
  readonly tier: Tier;
  readonly ticker: Ticker;
  readonly tags: Tags;
  /** Who must know what other processes have changed. */
  readonly audience: Audience;
}

/** How L2 is used. */
export interface L2Options {
  /** What all keys of this cache and schema version begin with. */
  readonly prefix: string;
  readonly codec: Codec;
  /** Larger ones are not written. */
  readonly maxValueBytes: number;
  /** How much longer than its ttl a value is kept, to be served when a loader fails. */
  readonly keepStaleMs: number;
  /** How long the id of a tag is kept: longer than any value, or values are lost with it. */
  readonly keepTagsMs: number;
  /** How long a lease lasts, undefined for none. */
  readonly leaseMs: number | undefined;
  /** What happens to L1 when messages of other processes may be missed. */
  readonly onBusLoss: OnBusLoss;
}

/** A value that is on its way. */
interface PendingSet {
  readonly tags: readonly string[];
  /** Resolved by what overtakes it: what was said about its key or tags since. */
  readonly overtaken: PromiseWithResolvers<boolean>;
}

const nothing = { found: undefined, known: undefined, everything: undefined };

/** The shared level: a tier behind its guard, with our keys, envelopes, leases and queue of deletes. */
export class L2<V> {
  #hits = 0;
  #misses = 0;
  #bytesRead = 0;
  readonly #guard: Guard;
  readonly #reader: BatchReader;
  readonly #changes: Changes;
  readonly #writer: Writer;
  readonly #leases: Leases | undefined;
  readonly #bus: Bus | undefined;
  readonly #stamper: Stamper;
  readonly #sealer: Sealer<V>;
  readonly #names: Names;
  /** Values that are written once the ids of their tags are known. */
  readonly #sets = new Map<string, PendingSet>();

  constructor({ tier, ticker, tags, audience }: L2Parts, options: L2Options) {
    const { leaseMs, prefix, onBusLoss } = options;
    this.#guard = new Guard(tier, ticker, `${prefix}probe`);
    this.#reader = new BatchReader(tier, this.#guard);
    const names = new Names(prefix, tier.bus?.tracks ? audience.holds : undefined);
    this.#names = names;
    const hearing = hearingOf({ audience, names, leases: () => this.#leases });
    if (tier.bus) this.#bus = new Bus(tier.bus, prefix, onBusLoss, hearing);
    const busAndGuard = { bus: this.#bus, guard: this.#guard };
    if (tier.leases && leaseMs)
      this.#leases = new Leases({ leases: tier.leases, ms: leaseMs, ...busAndGuard });
    const onLate = (late: readonly string[]) => audience.invalidated(late);
    const parts = { tags, tier, ...busAndGuard, reader: this.#reader, names, onLate };
    this.#stamper = new Stamper(parts, { keepMs: options.keepTagsMs });
    this.#sealer = new Sealer(options.codec, this.#stamper, ticker);
    const nameOf = (key: string) => names.ofKey(key);
    const expiry = () => this.#sealer.expiry();
    this.#changes = new Changes({ ...parts, nameOf, expiry }, options.keepStaleMs);
    const writing = { sealer: this.#sealer, changes: this.#changes, isLeased: !!this.#leases };
    this.#writer = new Writer({ ...parts, ...writing }, options);
  }

  /** Never rejects. */
  async read(key: string): Promise<Sight<V>> {
    if (this.#changes.isWaiting(key)) return nothing;
    // Asked for in the same turn, so that both are one operation.
    const asking = this.#stamper.everything();
    const name = this.#names.ofKey(key);
    const bytes = await this.#reader.read(name);
    const everything = asking instanceof Promise ? await asking : asking;
    if (bytes === AWAY) return nothing;
    this.#bytesRead += bytes?.length ?? 0;
    const opened = bytes && this.#sealer.open(bytes, name, everything);
    const found = opened instanceof Promise ? await opened : opened;
    if (found) this.#hits += 1;
    else this.#misses += 1;
    return { found, known: bytes && headOf(bytes), everything };
  }

  /**
   * The generations of the tags that a value would have now; undefined when L2 does not say.
   *
   * @param everything that of the tag that every entry has, if it is known already
   */
  async stamps(
    tags: readonly string[],
    everything?: Generation,
  ): Promise<readonly Generation[] | undefined> {
    if (!everything) return this.#stamper.current([EVERYTHING, ...tags]);
    const own = await this.#stamper.current(tags);
    return own && [everything, ...own];
  }

  /** The generations of tags, if they have not changed since `order` of `Tags` was what is given. */
  stampsSince(order: number, tags: readonly string[]): Promise<readonly Generation[] | undefined> {
    return this.#stamper.since(order, tags);
  }

  /**
   * Asks for the right to load, and waits while another process loads. Rejects only when `signal` aborts.
   *
   * @param suffices whether what another process has loaded makes a load needless
   */
  async claim(
    key: string,
    known: Uint8Array | undefined,
    suffices: (found: Found<V>) => boolean,
    wait: WaitForOthers,
  ): Promise<Claim<V>> {
    if (!this.#leases || this.#changes.isWaiting(key)) return {};
    for (let head = known; ; ) {
      const name = this.#names.ofKey(key);
      const answer = await this.#leases.take(name, head, wait);
      if (!answer) return {};
      if (!(answer instanceof Uint8Array)) return { lease: answer };
      this.#bytesRead += answer.length;
      const found = await this.#sealer.open(answer, name, await this.#stamper.everything());
      if (found && suffices(found)) return { found };
      head = headOf(answer);
    }
  }

  /**
   * @param etag of the value, if it has one already
   * @throws NotCacheableError from the codec, whether or not L2 is there
   */
  encode(key: string, value: V | undefined, etag?: string): Encoded {
    return this.#sealer.encode(value, this.#names.ofKey(key), etag);
  }

  /** Writes what was loaded; never rejects. Gives the lease back whatever happens. */
  fill(
    key: string,
    writing: Writing,
    stamps: readonly Generation[],
    lease: Lease | undefined,
  ): Promise<LeasedWrite> {
    return this.#writer.fill(key, writing, stamps, lease);
  }

  /**
   * Writes whatever anybody loads, and tells the other processes. Resolves false when it was not
   * written or they could not be told. What a later set or delete overtakes is not written, and
   * comes to what that one comes to. @throws DeleteQueueFullError
   */
  set(key: string, writing: Writing, tags: readonly string[]): Promise<boolean> {
    const pending = { tags, overtaken: Promise.withResolvers<boolean>() };
    // Its own turn to be asked may not have come when it rejects.
    pending.overtaken.promise.catch(() => undefined);
    const earlier = this.#sets.get(key);
    this.#sets.set(key, pending);
    const result = this.#changed(key, this.#setNow(key, writing, pending));
    earlier?.overtaken.resolve(result);
    return result;
  }

  async #setNow(key: string, writing: Writing, pending: PendingSet): Promise<boolean> {
    const stamps = await this.stamps(pending.tags);
    if (this.#sets.get(key) !== pending) return pending.overtaken.promise;
    this.#sets.delete(key);
    return stamps ? this.#writer.set(key, writing, stamps) : false;
  }

  /** Resolves false when it waits for L2 to come back. @throws DeleteQueueFullError */
  invalidate(tag: string): Promise<boolean> {
    // With the new id of the tag, a value that is still on its way would outlive this.
    for (const [key, { tags, overtaken }] of this.#sets) {
      if (tag !== EVERYTHING && !tags.includes(tag)) continue;
      this.#sets.delete(key);
      overtaken.resolve(false);
    }
    return this.#stamper.invalidate(tag);
  }

  /** Resolves false when the delete waits for L2 to come back. @throws DeleteQueueFullError */
  delete(key: string): Promise<boolean> {
    const pending = this.#sets.get(key);
    this.#sets.delete(key);
    const result = this.#changed(key, this.#changes.delete(key));
    pending?.overtaken.resolve(result);
    return result;
  }

  /** Resolves false when it waits for L2 to come back. @throws DeleteQueueFullError */
  expire(key: string): Promise<boolean> {
    // A value that is still on its way would get there later, and fresh.
    if (this.#sets.has(key)) return this.delete(key);
    return this.#changed(key, this.#changes.expire(key));
  }

  /** Tries the deletes that wait a last time. */
  async close(): Promise<void> {
    this.#bus?.close();
    await Promise.all([this.#changes.close(), this.#stamper.close()]);
  }

  stats(): L2Stats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      foreign: this.#sealer.foreign,
      tooLarge: this.#writer.tooLarge,
      bytesRead: this.#bytesRead,
      bytesWritten: this.#writer.bytesWritten,
      failures: this.#guard.failures,
      skipped: this.#guard.skipped,
      leaseWaits: this.#leases?.waits ?? 0,
      busLosses: this.#bus?.losses ?? 0,
      waitingDeletes: this.#changes.waiting + this.#stamper.waiting,
    };
  }

  /** Who waits for the lease in this process hears none of its own messages. */
  async #changed(key: string, change: Promise<boolean>): Promise<boolean> {
    const isConfirmed = await change;
    if (isConfirmed) wakeFor([key], this.#names, this.#leases);
    return isConfirmed;
  }
}
