import { BatchReader } from './batch-reader.ts';
import { type Audience, Bus, type OnBusLoss } from './bus.ts';
import type { Ticker } from './clock.ts';
import type { Codec } from './codec.ts';
import { Deletes } from './deletes.ts';
import { headOf } from './envelope.ts';
import { AWAY, Guard } from './guard.ts';
import { escapeKey } from './keys.ts';
import { type Lease, type LeasedWrite, Leases, type WaitForOthers } from './leases.ts';
import { type Found, type Payload, Sealer, type Writing } from './sealer.ts';
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
  /** Operations that failed or took too long. */
  readonly failures: number;
  /** Operations that were not tried, as L2 was away. */
  readonly skipped: number;
  /** Loads that waited for the load of another process. */
  readonly leaseWaits: number;
  /** Times when messages of other processes began to be missed. */
  readonly busLosses: number;
  /** Deletes that wait for L2 to come back. */
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
  /** How much longer than its ttl a value is kept, to be served when a loader fails. */
  readonly keepStaleMs: number;
  /** How long the id of a tag is kept: longer than any value, or values are lost with it. */
  readonly keepTagsMs: number;
  /** How long a lease lasts, undefined for none. */
  readonly leaseMs: number | undefined;
  /** What happens to L1 when messages of other processes may be missed. */
  readonly onBusLoss: OnBusLoss;
}

const nothing = { found: undefined, known: undefined, everything: undefined };

/** The shared level: a tier behind its guard, with our keys, envelopes, leases and queue of deletes. */
export class L2<V> {
  #hits = 0;
  #misses = 0;
  readonly #tier: Tier;
  readonly #options: L2Options;
  readonly #guard: Guard;
  readonly #reader: BatchReader;
  readonly #deletes: Deletes;
  readonly #leases: Leases | undefined;
  readonly #bus: Bus | undefined;
  readonly #stamper: Stamper;
  readonly #sealer: Sealer<V>;
  /** Values that are to be written as soon as the ids of their tags are known. */
  readonly #sets = new Map<string, object>();

  constructor({ tier, ticker, tags, audience }: L2Parts, options: L2Options) {
    this.#tier = tier;
    this.#options = options;
    this.#guard = new Guard(tier, ticker);
    this.#reader = new BatchReader(tier, this.#guard);
    this.#deletes = new Deletes(this.#guard, (keys) => this.#forget(keys));
    const { leaseMs, prefix, onBusLoss } = options;
    if (tier.leases && leaseMs) this.#leases = new Leases(tier.leases, this.#guard, leaseMs);
    if (tier.bus) this.#bus = new Bus(tier.bus, prefix, onBusLoss, audience);
    const onLate = (names: readonly string[]) => audience.invalidated(names);
    const parts = { tags, tier, guard: this.#guard, reader: this.#reader, bus: this.#bus, onLate };
    this.#stamper = new Stamper(parts, { prefix, keepMs: options.keepTagsMs });
    this.#sealer = new Sealer(options.codec, this.#stamper, ticker);
  }

  /** Never rejects. */
  async read(key: string): Promise<Sight<V>> {
    if (this.#deletes.has(key)) return nothing;
    // Asked for in the same turn, so that both are one operation.
    const asking = this.#stamper.everything();
    const name = this.#nameOf(key);
    const bytes = await this.#reader.read(name);
    const everything = asking instanceof Promise ? await asking : asking;
    if (bytes === AWAY) return nothing;
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
    if (!this.#leases || this.#deletes.has(key)) return {};
    for (let head = known; ; ) {
      const name = this.#nameOf(key);
      const answer = await this.#leases.take(name, head, wait);
      if (!answer) return {};
      if (!(answer instanceof Uint8Array)) return { lease: answer };
      const found = await this.#sealer.open(answer, name, await this.#stamper.everything());
      if (found && suffices(found)) return { found };
      head = headOf(answer);
    }
  }

  /** @throws NotCacheableError from the codec, whether or not L2 is there */
  encode(key: string, value: V | undefined): Payload {
    return this.#sealer.encode(value, this.#nameOf(key));
  }

  /** Writes what was loaded; never rejects. Gives the lease back whatever happens. */
  async fill(
    key: string,
    writing: Writing,
    stamps: readonly Generation[],
    lease: Lease | undefined,
  ): Promise<LeasedWrite> {
    const bytes = this.#sealer.seal(writing, stamps);
    if (lease) return lease.write(bytes, this.#keepMs(writing.ttlMs));
    // Without the right to write, another process may have deleted the key since the load began.
    if (this.#leases) return 'away';
    return (await this.#write(key, bytes, writing.ttlMs)) ? 'stored' : 'away';
  }

  /**
   * Writes whatever anybody loads, and tells the other processes. Never rejects; resolves false
   * when it was not written or they could not be told.
   */
  async set(key: string, writing: Writing, tags: readonly string[]): Promise<boolean> {
    const mark = {};
    this.#sets.set(key, mark);
    const stamps = await this.stamps(tags);
    // A later set or delete has said something else meanwhile.
    if (this.#sets.get(key) !== mark) return true;
    this.#sets.delete(key);
    if (!stamps) return false;
    const bytes = this.#sealer.seal(writing, stamps);
    return this.#write(key, bytes, writing.ttlMs, (written) => this.#bus?.announce([key], written));
  }

  /** Resolves false when it waits for L2 to come back. @throws DeleteQueueFullError */
  invalidate(tag: string): Promise<boolean> {
    return this.#stamper.invalidate(tag);
  }

  /** Resolves false when the delete waits for L2 to come back. @throws DeleteQueueFullError */
  delete(key: string): Promise<boolean> {
    this.#sets.delete(key);
    return this.#deletes.delete(key);
  }

  /** Tries the deletes that wait a last time. */
  async close(): Promise<void> {
    this.#bus?.close();
    this.#deletes.stop();
    await Promise.all([this.#deletes.replay(), this.#stamper.close()]);
  }

  stats(): L2Stats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      foreign: this.#sealer.foreign,
      failures: this.#guard.failures,
      skipped: this.#guard.skipped,
      leaseWaits: this.#leases?.waits ?? 0,
      busLosses: this.#bus?.losses ?? 0,
      waitingDeletes: this.#deletes.size + this.#stamper.waiting,
    };
  }

  async #write(
    key: string,
    bytes: Uint8Array,
    ttlMs: number,
    announce?: (written: Promise<void>) => Promise<void> | undefined,
  ): Promise<boolean> {
    if (this.#deletes.has(key)) return false;
    const done = await this.#guard.run('write', () => {
      const written = this.#tier.write(this.#nameOf(key), bytes, this.#keepMs(ttlMs));
      return Promise.all([written, announce?.(written)]);
    });
    return done !== AWAY;
  }

  /** One after the other on the same connection, and done when both are: else both are done again. */
  #forget(keys: readonly string[]): Promise<unknown> {
    const names = keys.map((key) => this.#nameOf(key));
    const deleted = this.#tier.delete(names);
    return Promise.all([deleted, this.#bus?.announce(keys, deleted)]);
  }

  #nameOf(key: string): string {
    return `${this.#options.prefix}{${escapeKey(key)}}`;
  }

  #keepMs(ttlMs: number): number {
    return ttlMs + this.#options.keepStaleMs;
  }
}
