import { announce } from './announce.ts';
import { type Breaker, createBreaker } from './breaker.ts';
import { callable, duration, positiveInteger } from './check.ts';
import { type Clock, systemClock } from './clock.ts';
import { type BreakerOptions, resolveOptions } from './options.ts';

/** The settings of a registry. */
export interface BreakerRegistryOptions {
  /** How many breakers it holds at most. Default 1,000. */
  readonly max?: number;
  /** A breaker that nobody asked for in this time is forgotten, in ms. Default 600,000. */
  readonly idleMs?: number;
  /**
   * The options of each breaker, or a function of its key. A breaker's name is its key, or
   * `name/key` if these have a name.
   */
  readonly options?: BreakerOptions | ((key: string) => BreakerOptions);
  /** For the registry, and for breakers whose options have none. Default: the system's. */
  readonly clock?: Clock;
}

/** All but `size` only grow. */
export interface BreakerRegistryStats {
  readonly size: number;
  readonly created: number;
  /** Forgotten for want of room, and because nobody asked for them. */
  readonly evicted: number;
  readonly expired: number;
}

/**
 * Creates a registry: one breaker per key (host, tenant, shard), and no more of them than `max`.
 *
 * @throws TypeError or RangeError for a bad option, naming it; `get` for one that a function gave
 */
export function createBreakerRegistry(options: BreakerRegistryOptions = {}): BreakerRegistry {
  return new BreakerRegistry(options);
}

interface Entry {
  readonly breaker: Breaker;
  readonly usedAtMs: number;
}

/** Holds nothing that needs closing. */
export class BreakerRegistry {
  /** For telemetry: what sort of component this is, and which. */
  readonly kind = 'breaker-registry';
  readonly name = 'breaker-registry';
  readonly #max: number;
  readonly #idleMs: number;
  readonly #optionsOf: (key: string) => BreakerOptions;
  readonly #clock: Clock;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  #created = 0;
  #evicted = 0;
  #expired = 0;

  constructor(options: BreakerRegistryOptions) {
    const { max = 1_000, idleMs = 600_000, clock = systemClock, options: each = {} } = options;
    positiveInteger('max', max);
    duration('idleMs', idleMs, 1);
    callable('clock.now', clock.now);
    this.#max = max;
    this.#idleMs = idleMs;
    this.#clock = clock;
    if (typeof each !== 'function') resolveOptions(each);
    this.#optionsOf = typeof each === 'function' ? each : () => each;
    announce(this);
  }

  /** How many breakers it holds. */
  get size(): number {
    return this.#entries.size;
  }

  /** The breaker of this key, created when there is none; asking for it is using it. */
  get(key: string): Breaker {
    const nowMs = this.#clock.now();
    this.#forgetIdle(nowMs);
    const breaker = this.#entries.get(key)?.breaker ?? this.#create(key);
    this.#use(key, breaker, nowMs);
    return breaker;
  }

  /** Forgets the breaker of this key; answers whether there was one. */
  delete(key: string): boolean {
    return this.#entries.delete(key);
  }

  /** All keys with their breakers. */
  *[Symbol.iterator](): IterableIterator<[string, Breaker]> {
    for (const [key, { breaker }] of this.#entries) yield [key, breaker];
  }

  /** Numbers since the registry was created. */
  stats(): BreakerRegistryStats {
    const { size } = this;
    return { size, created: this.#created, evicted: this.#evicted, expired: this.#expired };
  }

  #use(key: string, breaker: Breaker, usedAtMs: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { breaker, usedAtMs });
  }

  #create(key: string): Breaker {
    const { name, ...options } = this.#optionsOf(key);
    const named = name === undefined ? key : `${name}/${key}`;
    const breaker = createBreaker({ clock: this.#clock, ...options, name: named });
    if (this.size >= this.#max) this.#evict();
    this.#created += 1;
    return breaker;
  }

  /** The closed one that was longest unused: what it knows will hardly be missed. An isolated one last. */
  #evict(): void {
    this.#evicted += 1;
    const key =
      this.#longestUnused((breaker) => breaker.state === 'closed') ??
      this.#longestUnused((breaker) => !breaker.isolated) ??
      this.#longestUnused(() => true);
    if (key !== undefined) this.#entries.delete(key);
  }

  #longestUnused(suits: (breaker: Breaker) => boolean): string | undefined {
    for (const [key, { breaker }] of this.#entries) if (suits(breaker)) return key;
    return undefined;
  }

  #forgetIdle(nowMs: number): void {
    for (const [key, { breaker, usedAtMs }] of this.#entries) {
      if (nowMs - usedAtMs <= this.#idleMs) return;
      // Whoever isolated it counts on that.
      if (breaker.isolated) {
        this.#use(key, breaker, nowMs);
      } else {
        this.#entries.delete(key);
        this.#expired += 1;
      }
    }
  }
}
