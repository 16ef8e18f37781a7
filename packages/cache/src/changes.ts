import type { Bus } from './bus.ts';
import { Deletes } from './deletes.ts';
import { opening } from './envelope.ts';
import type { Guard } from './guard.ts';
import type { Tier } from './tier.ts';

/** What changes are made with. */
export interface ChangesParts {
  readonly tier: Tier;
  readonly guard: Guard;
  readonly bus: Bus | undefined;
  /** The name of a key in L2. */
  readonly nameOf: (key: string) => string;
  /** What comes after the opening of an envelope that is past its ttl from now on. */
  readonly expiry: () => Uint8Array;
}

/**
 * Deletes and expiries: each is made in L2 and told to the other processes, at once or when L2 is
 * back. Until L2 has confirmed, what it has under the key may be wrong.
 */
export class Changes {
  readonly #parts: ChangesParts;
  readonly #keepStaleMs: number;
  readonly #deletes: Deletes;
  readonly #expiries: Deletes;

  /** @param keepStaleMs how long a value is kept that is past its ttl */
  constructor(parts: ChangesParts, keepStaleMs: number) {
    this.#parts = parts;
    this.#keepStaleMs = keepStaleMs;
    this.#deletes = new Deletes(parts.guard, (keys) => this.#forget(keys));
    this.#expiries = new Deletes(parts.guard, (keys) => this.#makeStale(keys));
  }

  /** How many wait for L2. */
  get waiting(): number {
    return this.#deletes.size + this.#expiries.size;
  }

  isWaiting(key: string): boolean {
    return this.#deletes.has(key) || this.#expiries.has(key);
  }

  /** Resolves false when it waits for L2 to come back. @throws DeleteQueueFullError */
  delete(key: string): Promise<boolean> {
    return this.#deletes.delete(key);
  }

  /** Resolves false when it waits for L2 to come back. @throws DeleteQueueFullError */
  expire(key: string): Promise<boolean> {
    return this.#expiries.delete(key);
  }

  /** Tries those that wait a last time. */
  async close(): Promise<void> {
    this.#deletes.stop();
    this.#expiries.stop();
    await Promise.all([this.#deletes.replay(), this.#expiries.replay()]);
  }

  /** One after the other on the same connection, and done when both are: else both are done again. */
  #forget(keys: readonly string[]): Promise<unknown> {
    const { tier, bus, nameOf } = this.#parts;
    const deleted = tier.delete(keys.map(nameOf));
    return Promise.all([deleted, bus?.announce(keys, deleted)]);
  }

  /** The same; what would not be kept past its ttl need not be kept at all. */
  #makeStale(keys: readonly string[]): Promise<unknown> {
    const { tier, bus, nameOf, expiry } = this.#parts;
    const names = keys.map(nameOf);
    const bytes = expiry();
    const patch = (name: string) => tier.patch?.(name, opening, bytes, this.#keepStaleMs);
    const isPatch = tier.patch && this.#keepStaleMs > 0;
    const done = isPatch ? Promise.all(names.map(patch)) : tier.delete(names);
    return Promise.all([done, bus?.announceExpiry(keys, done)]);
  }
}
