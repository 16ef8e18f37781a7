import { BatchReader } from './batch-reader.ts';
import type { Ticker } from './clock.ts';
import type { Codec } from './codec.ts';
import { Deletes } from './deletes.ts';
import { seal, unseal } from './envelope.ts';
import { AWAY, Guard } from './guard.ts';
import { escapeKey } from './keys.ts';
import type { Life } from './l1.ts';
import type { Tier } from './tier.ts';

/** A value that L2 had. */
export interface Found<V> {
  readonly value: V;
  readonly life: Life;
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
  /** Deletes that wait for L2 to come back. */
  readonly waitingDeletes: number;
}

/** A value from another host's clock may seem to be from the future by this much. */
const CLOCK_SKEW_MS = 10_000;

/** The shared level: a tier behind its guard, with our keys, envelopes and queue of deletes. No method rejects. */
export class L2<V> {
  #hits = 0;
  #misses = 0;
  #foreign = 0;
  readonly #prefix: string;
  readonly #tier: Tier;
  readonly #codec: Codec;
  readonly #ticker: Ticker;
  readonly #keepStaleMs: number;
  readonly #guard: Guard;
  readonly #reader: BatchReader;
  readonly #deletes: Deletes;

  /**
   * @param prefix what all keys of this cache and schema version begin with
   * @param keepStaleMs how much longer than its ttl a value is kept, to be served when a loader fails
   */
  constructor(tier: Tier, prefix: string, codec: Codec, keepStaleMs: number, ticker: Ticker) {
    this.#prefix = prefix;
    this.#tier = tier;
    this.#codec = codec;
    this.#ticker = ticker;
    this.#keepStaleMs = keepStaleMs;
    this.#guard = new Guard(tier, ticker);
    this.#reader = new BatchReader(tier, this.#guard);
    this.#deletes = new Deletes(tier, this.#guard);
  }

  async read(key: string): Promise<Found<V> | undefined> {
    const name = this.#nameOf(key);
    if (this.#deletes.has(name)) return undefined;
    const bytes = await this.#reader.read(name);
    if (bytes === AWAY) return undefined;
    const found = bytes && this.#open(bytes);
    if (found) this.#hits += 1;
    else this.#misses += 1;
    return found;
  }

  /** @throws NotCacheableError from the codec, whether or not L2 is there */
  encode(value: V): Uint8Array {
    return this.#codec.encode(value);
  }

  /** Resolves false when it was not written. */
  async write(key: string, payload: Uint8Array, ttlMs: number, loadMs: number): Promise<boolean> {
    const name = this.#nameOf(key);
    if (this.#deletes.has(name)) return false;
    const bytes = seal({ createdAt: this.#ticker.wall(), ttlMs, loadMs, payload });
    const keepMs = ttlMs + this.#keepStaleMs;
    const done = await this.#guard.run('write', () => this.#tier.write(name, bytes, keepMs));
    return done !== AWAY;
  }

  /** Resolves false when the delete waits for L2 to come back. */
  delete(key: string): Promise<boolean> {
    return this.#deletes.delete(this.#nameOf(key));
  }

  /** Tries the deletes that wait a last time. */
  async close(): Promise<void> {
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
      waitingDeletes: this.#deletes.size,
    };
  }

  #nameOf(key: string): string {
    return `${this.#prefix}{${escapeKey(key)}}`;
  }

  #open(bytes: Uint8Array): Found<V> | undefined {
    const envelope = unseal(bytes);
    const ageMs = envelope ? this.#ticker.wall() - envelope.createdAt : 0;
    if (!envelope || ageMs < -CLOCK_SKEW_MS) {
      this.#foreign += 1;
      return undefined;
    }
    try {
      const value = this.#codec.decode(envelope.payload) as V;
      const createdAt = this.#ticker.read() - Math.max(0, ageMs);
      return { value, life: { createdAt, expiresAt: createdAt + envelope.ttlMs } };
    } catch {
      this.#foreign += 1;
      return undefined;
    }
  }
}
