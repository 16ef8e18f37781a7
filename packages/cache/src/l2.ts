import { BatchReader } from './batch-reader.ts';
import { type Audience, Bus, type OnBusLoss } from './bus.ts';
import type { Ticker } from './clock.ts';
import type { Codec } from './codec.ts';
import { Deletes } from './deletes.ts';
import type { Life } from './entry.ts';
import { headOf, seal, unseal } from './envelope.ts';
import { AWAY, Guard } from './guard.ts';
import { escapeKey } from './keys.ts';

import { type Lease, type LeasedWrite, Leases, type WaitForOthers } from './leases.ts';
import type { Tier } from './tier.ts';

/** A value that L2 had. */
export interface Found<V> {
  /** Undefined when L2 knows that there is none. */
  readonly value: V | undefined;
  readonly life: Life;
}

/** What a look into L2 showed. */
export interface Sight<V> {
  readonly found: Found<V> | undefined;
  /** How the bytes begin that are there, whatever they are. */
  readonly known: Uint8Array | undefined;
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

/** Undefined when there is no value. */
type Payload = Uint8Array | undefined;

/** How L2 is used. */
export interface L2Options {
  /** What all keys of this cache and schema version begin with. */
  readonly prefix: string;
  readonly codec: Codec;
  /** How much longer than its ttl a value is kept, to be served when a loader fails. */
  readonly keepStaleMs: number;
  /** How long a lease lasts, undefined for none. */
  readonly leaseMs: number | undefined;
  /** What happens to L1 when messages of other processes may be missed. */
  readonly onBusLoss: OnBusLoss;
}

/** A value from another host's clock may seem to be from the future by this much. */
const CLOCK_SKEW_MS = 10_000;

const nothing = { found: undefined, known: undefined };

/** The shared level: a tier behind its guard, with our keys, envelopes, leases and queue of deletes. */
export class L2<V> {
  #hits = 0;
  #misses = 0;
  #foreign = 0;
  readonly #tier: Tier;
  readonly #options: L2Options;
  readonly #ticker: Ticker;
  readonly #guard: Guard;
  readonly #reader: BatchReader;
  readonly #deletes: Deletes;
  readonly #leases: Leases | undefined;
  readonly #bus: Bus | undefined;

  /** @param audience who must know what other processes have changed */
  constructor(tier: Tier, options: L2Options, ticker: Ticker, audience: Audience) {
    this.#tier = tier;
    this.#options = options;
    this.#ticker = ticker;
    this.#guard = new Guard(tier, ticker);
    this.#reader = new BatchReader(tier, this.#guard);
    this.#deletes = new Deletes(this.#guard, (keys) => this.#forget(keys));
    const { leaseMs, prefix, onBusLoss } = options;
    if (tier.leases && leaseMs) this.#leases = new Leases(tier.leases, this.#guard, leaseMs);
    if (tier.bus) this.#bus = new Bus(tier.bus, prefix, onBusLoss, audience);
  }

  /** Never rejects. */
  async read(key: string): Promise<Sight<V>> {
    if (this.#deletes.has(key)) return nothing;
    const bytes = await this.#reader.read(this.#nameOf(key));
    if (bytes === AWAY) return nothing;
    const found = bytes && this.#open(bytes);
    if (found) this.#hits += 1;
    else this.#misses += 1;
    return { found, known: bytes && headOf(bytes) };
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
      const answer = await this.#leases.take(this.#nameOf(key), head, wait);
      if (!answer) return {};
      if (!(answer instanceof Uint8Array)) return { lease: answer };
      const found = this.#open(answer);
      if (found && suffices(found)) return { found };
      head = headOf(answer);
    }
  }

  /** @throws NotCacheableError from the codec, whether or not L2 is there */
  encode(value: V | undefined): Payload {
    return value === undefined ? undefined : this.#options.codec.encode(value);
  }

  /** Writes what was loaded; never rejects. Gives the lease back whatever happens. */
  async fill(
    key: string,
    payload: Payload,
    { ttlMs, tookMs }: { readonly ttlMs: number; readonly tookMs: number },
    lease: Lease | undefined,
  ): Promise<LeasedWrite> {
    if (lease) return lease.write(this.#seal(payload, ttlMs, tookMs), this.#keepMs(ttlMs));
    // Without the right to write, another process may have deleted the key since the load began.
    if (this.#leases) return 'away';
    const done = await this.#write(key, this.#seal(payload, ttlMs, tookMs), ttlMs);
    return done ? 'stored' : 'away';
  }

  /**
   * Writes whatever anybody loads, and tells the other processes. Never rejects; resolves false
   * when it was not written or they could not be told.
   */
  async set(key: string, payload: Payload, ttlMs: number): Promise<boolean> {
    const bytes = this.#seal(payload, ttlMs, 0);
    return this.#write(key, bytes, ttlMs, (written) => this.#bus?.announce([key], written));
  }

  /** Resolves false when the delete waits for L2 to come back. @throws DeleteQueueFullError */
  delete(key: string): Promise<boolean> {
    return this.#deletes.delete(key);
  }

  /** Tries the deletes that wait a last time. */
  async close(): Promise<void> {
    this.#bus?.close();
    this.#deletes.stop();
    await this.#deletes.replay();
  }

  stats(): L2Stats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      foreign: this.#foreign,
      failures: this.#guard.failures,
      skipped: this.#guard.skipped,
      leaseWaits: this.#leases?.waits ?? 0,
      busLosses: this.#bus?.losses ?? 0,
      waitingDeletes: this.#deletes.size,
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

  #seal(payload: Payload, ttlMs: number, loadMs: number): Uint8Array {
    return seal({ createdAt: this.#ticker.wall(), ttlMs, loadMs, payload });
  }

  #open(bytes: Uint8Array): Found<V> | undefined {
    const envelope = unseal(bytes);
    const ageMs = envelope ? this.#ticker.wall() - envelope.createdAt : 0;
    if (!envelope || ageMs < -CLOCK_SKEW_MS) {
      this.#foreign += 1;
      return undefined;
    }
    try {
      const { payload } = envelope;
      const value = payload && (this.#options.codec.decode(payload) as V);
      const createdAt = this.#ticker.read() - Math.max(0, ageMs);
      return { value, life: { createdAt, expiresAt: createdAt + envelope.ttlMs } };
    } catch {
      this.#foreign += 1;
      return undefined;
    }
  }
}
