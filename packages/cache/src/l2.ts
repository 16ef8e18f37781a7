import { BatchReader } from './batch-reader.ts';
import { type Audience, Bus, type Hearer, type OnBusLoss } from './bus.ts';
import { Changes } from './changes.ts';
import type { Ticker } from './clock.ts';
import type { Codec } from './codec.ts';
import { headOf } from './envelope.ts';
import { AWAY, Guard } from './guard.ts';
import { type Lease, type LeasedWrite, Leases, type WaitForOthers } from './leases.ts';
import { Names } from './names.ts';
import { type Encoded, type Found, Sealer, type Writing } from './sealer.ts';
import { Stamper } from './stamper.ts';
import { EVERYTHING, type Generation, type Tags } from './tags.ts';
import type { Tier } from './tier.ts';

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

/** What L2 did so far; `waitingDeletes` is of now. */
export interface L2Stats {
  readonly hits: number;
  readonly misses: number;
  /** Bytes under our keys that were not ours, or not readable: counted as misses too. */
  readonly foreign: number;
  /** Values that were not written, as they have more than `maxValueBytes`. */
  readonly tooLarge: number;
  /** Bytes that were read under keys, tags apart, and bytes that were written there. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Operations that failed or took too long. */
  readonly failures: number;
  /** Operations that were not tried, as L2 was away. */
  readonly skipped: number;
  /** Loads that waited for the load of another process. */
  readonly leaseWaits: number;
  /** Times when messages of other processes began to be missed. */
  readonly busLosses: number;
  /** Deletes, expiries and invalidations that wait for L2 to come back. */
  readonly waitingDeletes: number;
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

/** What is written instead of a value that is not. */
const expired = { payload: undefined, etag: '', isExpired: true };

const nothing = { found: undefined, known: undefined, everything: undefined };

/** The shared level: a tier behind its guard, with our keys, envelopes, leases and queue of deletes. */
export class L2<V> {
  #hits = 0;
  #misses = 0;
  #tooLarge = 0;
  #bytesRead = 0;
  #bytesWritten = 0;
  readonly #tier: Tier;
  readonly #options: L2Options;
  readonly #guard: Guard;
  readonly #reader: BatchReader;
  readonly #changes: Changes;
  readonly #leases: Leases | undefined;
  readonly #bus: Bus | undefined;
  readonly #stamper: Stamper;
  readonly #sealer: Sealer<V>;
  readonly #names: Names;
  /** Values that are to be written as soon as the ids of their tags are known; resolved by what overtakes them. */
  readonly #sets = new Map<string, PromiseWithResolvers<boolean>>();

  constructor({ tier, ticker, tags, audience }: L2Parts, options: L2Options) {
    this.#tier = tier;
    this.#options = options;
    this.#guard = new Guard(tier, ticker);
    this.#reader = new BatchReader(tier, this.#guard);
    const { leaseMs, prefix, onBusLoss } = options;
    const names = new Names(prefix, tier.bus?.tracks ? audience.holds : undefined);
    this.#names = names;
    if (tier.bus) this.#bus = new Bus(tier.bus, prefix, onBusLoss, this.#hearer(audience));
    const busAndGuard = { bus: this.#bus, guard: this.#guard };
    if (tier.leases && leaseMs)
      this.#leases = new Leases({ leases: tier.leases, ms: leaseMs, ...busAndGuard });
    const onLate = (late: readonly string[]) => audience.invalidated(late);
    const parts = { tags, tier, ...busAndGuard, reader: this.#reader, names, onLate };
    this.#stamper = new Stamper(parts, { keepMs: options.keepTagsMs });
    this.#sealer = new Sealer(options.codec, this.#stamper, ticker);
    const nameOf = (key: string) => names.ofKey(key);
    const expiry = () => this.#sealer.expiry();
    const { keepStaleMs } = options;
    this.#changes = new Changes({ ...parts, nameOf, expiry }, keepStaleMs);
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
  async fill(
    key: string,
    writing: Writing,
    stamps: readonly Generation[],
    lease: Lease | undefined,
  ): Promise<LeasedWrite> {
    const isTooLarge = this.#isTooLarge(writing);
    // In its place comes nothing, for no longer than must be: what was there before is older.
    const bytes = this.#sealer.seal(isTooLarge ? { ...writing, ...expired } : writing, stamps);
    const keepMs = isTooLarge ? 1 : this.#keepMs(writing.ttlMs);
    if (lease) return this.#written(bytes, await lease.write(bytes, keepMs));
    // Without the right to write, another process may have deleted the key since the load began.
    if (this.#leases) return 'away';
    return (await this.#write(key, bytes, keepMs)) ? 'stored' : 'away';
  }

  /**
   * Writes whatever anybody loads, and tells the other processes. Resolves false when it was not
   * written or they could not be told. What a later set or delete overtakes is not written, and
   * comes to what that one comes to. @throws DeleteQueueFullError
   */
  set(key: string, writing: Writing, tags: readonly string[]): Promise<boolean> {
    const overtaken = Promise.withResolvers<boolean>();
    // Its own turn to be asked may not have come when it rejects.
    overtaken.promise.catch(() => undefined);
    const earlier = this.#sets.get(key);
    this.#sets.set(key, overtaken);
    const result = this.#setNow(key, writing, tags, overtaken);
    earlier?.resolve(result);
    return result;
  }

  async #setNow(
    key: string,
    writing: Writing,
    tags: readonly string[],
    overtaken: PromiseWithResolvers<boolean>,
  ): Promise<boolean> {
    const stamps = await this.stamps(tags);
    if (this.#sets.get(key) !== overtaken) return overtaken.promise;
    this.#sets.delete(key);
    if (!stamps) return false;
    if (this.#isTooLarge(writing)) return this.#changes.delete(key);
    const bytes = this.#sealer.seal(writing, stamps);
    const keepMs = this.#keepMs(writing.ttlMs);
    return this.#write(key, bytes, keepMs, (written) => this.#bus?.announce([key], written));
  }

  /** Resolves false when it waits for L2 to come back. @throws DeleteQueueFullError */
  invalidate(tag: string): Promise<boolean> {
    return this.#stamper.invalidate(tag);
  }

  /** Resolves false when the delete waits for L2 to come back. @throws DeleteQueueFullError */
  delete(key: string): Promise<boolean> {
    const overtaken = this.#sets.get(key);
    this.#sets.delete(key);
    const result = this.#changes.delete(key);
    overtaken?.resolve(result);
    return result;
  }

  /** Resolves false when it waits for L2 to come back. @throws DeleteQueueFullError */
  expire(key: string): Promise<boolean> {
    // A value that is still on its way would get there later, and fresh.
    return this.#sets.has(key) ? this.delete(key) : this.#changes.expire(key);
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
      tooLarge: this.#tooLarge,
      bytesRead: this.#bytesRead,
      bytesWritten: this.#bytesWritten,
      failures: this.#guard.failures,
      skipped: this.#guard.skipped,
      leaseWaits: this.#leases?.waits ?? 0,
      busLosses: this.#bus?.losses ?? 0,
      waitingDeletes: this.#changes.waiting + this.#stamper.waiting,
    };
  }

  async #write(
    key: string,
    bytes: Uint8Array,
    keepMs: number,
    announce?: (written: Promise<void>) => Promise<void> | undefined,
  ): Promise<boolean> {
    if (this.#changes.isWaiting(key)) return false;
    const done = await this.#guard.run('write', () => {
      const written = this.#tier.write(this.#names.ofKey(key), bytes, keepMs);
      return Promise.all([written, announce?.(written)]);
    });
    if (done === AWAY) return false;
    this.#bytesWritten += bytes.length;
    return true;
  }

  #written(bytes: Uint8Array, result: LeasedWrite): LeasedWrite {
    if (result === 'stored') this.#bytesWritten += bytes.length;
    return result;
  }

  #isTooLarge({ payload }: Writing): boolean {
    const isTooLarge = payload !== undefined && payload.length > this.#options.maxValueBytes;
    if (isTooLarge) this.#tooLarge += 1;
    return isTooLarge;
  }

  /** Who waits for another process has an ear for the news as well. */
  #hearer(audience: Audience): Hearer {
    const wake = (names?: Iterable<string>) => this.#leases?.wake(names);
    return {
      ...audience,
      changed: (keys) => {
        if (this.#leases?.isAwaited) wake(keys.map((key) => this.#names.ofKey(key)));
        audience.changed(keys);
      },
      expired: (keys) => {
        if (this.#leases?.isAwaited) wake(keys.map((key) => this.#names.ofKey(key)));
        audience.expired(keys);
      },
      freed: wake,
      touched: (names) => this.#touched(names, audience),
      distrust: () => {
        wake();
        audience.distrust();
      },
    };
  }

  /** Somebody has changed what L2 has under these names. A tag whose id is lost, or another one, is over. */
  #touched(names: readonly string[], audience: Audience): void {
    const keys: string[] = [];
    for (const name of names) {
      const meaning = this.#names.meaning(name);
      if (meaning?.kind === 'key') keys.push(meaning.key);
      if (meaning?.kind === 'tag') audience.renewed(meaning.tag);
      if (meaning?.kind === 'some tag') audience.distrust();
    }
    audience.touched(keys);
  }

  #keepMs(ttlMs: number): number {
    return ttlMs + this.#options.keepStaleMs;
  }
}
