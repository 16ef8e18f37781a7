import type { Ticker } from './clock.ts';
import type { Codec } from './codec.ts';
import type { Life } from './entry.ts';
import { type Envelope, expiry, seal, unseal } from './envelope.ts';
import { etagOf } from './etag.ts';
import type { Stamper } from './stamper.ts';
import type { Generation } from './tags.ts';

/** A value that L2 had. */
export interface Found<V> {
  /** Undefined when L2 knows that there is none. */
  readonly value: V | undefined;
  readonly life: Life;
  readonly etag: string;
  /** The tags of the value, which are not over. */
  readonly tags: readonly Generation[];
}

/** A value as bytes. */
export interface Encoded {
  /** Undefined when there is no value; then the etag is empty. */
  readonly payload: Uint8Array | undefined;
  readonly etag: string;
}

/** What is written for a key. */
export interface Writing extends Encoded {
  readonly ttlMs: number;
  readonly tookMs: number;
  /** Whether it is past its ttl as soon as it is written. */
  readonly isExpired?: boolean;
}

/** A value from another host's clock may seem to be from the future by this much. */
const CLOCK_SKEW_MS = 10_000;

/** Puts values into envelopes, and takes out those that are ours and not invalidated. */
export class Sealer<V> {
  /** Bytes under our keys that were not ours, or not readable. */
  foreign = 0;
  readonly #codec: Codec;
  readonly #stamper: Stamper;
  readonly #ticker: Ticker;

  constructor(codec: Codec, stamper: Stamper, ticker: Ticker) {
    this.#codec = codec;
    this.#stamper = stamper;
    this.#ticker = ticker;
  }

  /**
   * @param etag of the value, if it has one already
   * @throws NotCacheableError from the codec
   */
  encode(value: V | undefined, name: string, etag?: string): Encoded {
    if (value === undefined) return { payload: undefined, etag: '' };
    const payload = this.#codec.encode(value, name);
    return { payload, etag: etag ?? etagOf(payload) };
  }

  seal(writing: Writing, stamps: readonly Generation[]): Uint8Array {
    const { payload, etag, ttlMs, tookMs, isExpired } = writing;
    const createdAt = this.#ticker.wall();
    const expiredAt = isExpired ? createdAt : undefined;
    return seal({ createdAt, ttlMs, expiredAt, loadMs: tookMs, stamps, etag, payload });
  }

  /** What makes an envelope stale from now on. */
  expiry(): Uint8Array {
    return expiry(this.#ticker.wall());
  }

  /**
   * @param name the key in L2
   * @param everything the generation of the tag that every entry has
   */
  open(
    bytes: Uint8Array,
    name: string,
    everything: Generation | undefined,
  ): Found<V> | undefined | Promise<Found<V> | undefined> {
    const envelope = unseal(bytes);
    const ageMs = envelope ? this.#ticker.wall() - envelope.createdAt : 0;
    if (!envelope || ageMs < -CLOCK_SKEW_MS) {
      this.foreign += 1;
      return undefined;
    }
    const tags = everything && this.#stamper.match(envelope.stamps, everything);
    const life = this.#lifeOf(envelope, ageMs);
    const decode = (current: readonly Generation[] | undefined) =>
      current && this.#decode(envelope, name, life, current);
    // Only a value with tags of its own may have to wait for their ids.
    return tags instanceof Promise ? tags.then(decode) : decode(tags);
  }

  #lifeOf({ ttlMs, expiredAt }: Envelope, ageMs: number): Life {
    const now = this.#ticker.read();
    const createdAt = now - Math.max(0, ageMs);
    if (expiredAt === undefined) return { createdAt, expiresAt: createdAt + ttlMs };
    // Also where the clock of whoever expired it is ahead of ours.
    const expiredForMs = Math.max(0, this.#ticker.wall() - expiredAt);
    return { createdAt, expiresAt: Math.min(createdAt + ttlMs, now - expiredForMs) };
  }

  #decode(
    { payload, etag }: Envelope,
    name: string,
    life: Life,
    tags: readonly Generation[],
  ): Found<V> | undefined {
    try {
      const value = payload && (this.#codec.decode(payload, name) as V);
      return { value, life, etag, tags };
    } catch {
      this.foreign += 1;
      return undefined;
    }
  }
}
