/**
 * A second level behind the memory of the process, shared by many processes. An implementation is
 * small: the cache has the deadlines, the breaker, the queue of deletes, keys and envelopes.
 * Prove yours with `tierContract` of `@shopgpt/cache/testing`.
 *
 * Operations take effect in the order in which they were called, and `read` after `write` or
 * `delete` sees what they did.
 */
export interface Tier {
  /** For messages, e.g. `redis`. */
  readonly name: string;
  /** How long one operation may take, in ms: the cache stops waiting then, the tier need not. */
  readonly timeoutMs: number;
  /** False when an operation could only wait for a connection. Called before each, so it must cost nothing. */
  isReady(): boolean;
  /** The bytes under each key, in the order of the keys; undefined where there are none. */
  read(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Keeps the bytes for at least `ttlMs` unless it needs the room, and not much longer. Ends a lease on the key. */
  write(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>;
  /** Keys that do not exist are no error. Ends leases on the keys. */
  delete(keys: readonly string[]): Promise<void>;
  /**
   * Where the bytes under the key begin with `head`, puts `next` in the place of as many bytes after
   * `head`, and keeps them all for `ttlMs` from now if they would have been kept for longer. Deletes
   * what begins otherwise. Ends a lease on the key. All of it at once, so that nobody sees a part.
   * Without it the cache deletes what it would only have made stale.
   */
  patch?(key: string, head: Uint8Array, next: Uint8Array, ttlMs: number): Promise<void>;
  /**
   * The right to load a key, so that one process of all loads it. Without it each process loads for
   * itself, and a load that began before another process deleted the key may be written after that.
   */
  readonly leases?: TierLeases;
  /** How processes tell each other what has changed. Without it L1 learns of it at the end of its ttl. */
  readonly bus?: TierBus;
}

/**
 * What a lease came to when it was used or given back: `awaited` when somebody has asked for it in
 * vain, and is to be told; `gone` when it had ended before.
 */
export type LeaseEnd = 'ended' | 'awaited' | 'gone';

/**
 * At most one lease stands on a key. It ends with its time, when it is used or released, and when
 * the key is written or deleted: what was loaded under it may then be older than that.
 */
export interface TierLeases {
  /**
   * Takes the lease for `ms`. Answers `held` when somebody else has it, and takes none when there
   * are bytes under the key that do not begin with `known`: then these bytes are the answer.
   */
  take(
    key: string,
    token: string,
    ms: number,
    known: Uint8Array | undefined,
  ): Promise<'taken' | 'held' | Uint8Array>;
  /** Lets the lease last for `ms` from now, if it stands. */
  renew(key: string, token: string, ms: number): Promise<void>;
  /** Writes as `Tier.write` does and ends the lease; writes nothing when it no longer stands. */
  write(key: string, token: string, bytes: Uint8Array, ttlMs: number): Promise<LeaseEnd>;
  /** Ends the lease, if it stands. */
  release(key: string, token: string): Promise<LeaseEnd>;
}

/** Carries short texts between processes, as well as it can. */
export interface TierBus {
  /** Whether it tells its listeners what was `touched`. Default false. */
  readonly tracks?: boolean;
  /**
   * Listens until the function that it returns is called. Its own messages may come back to it.
   * `up` is called when messages are heard from now on, `down` when some may be missed.
   *
   * @param channel also what the keys begin with that the listener is to know of, if they are `touched`
   */
  subscribe(channel: string, listener: BusListener): () => void;
  /**
   * Who hears the text sees in L2 what was written or deleted before this call. `after` resolves
   * when that is done: for a tier that cannot rely on the order of calls.
   */
  publish(channel: string, text: string, after?: Promise<unknown>): Promise<void>;
}

/** Who listens to a channel. */
export interface BusListener {
  message(text: string): void;
  up(): void;
  down(): void;
  /**
   * Only called by a tier that can tell: the bytes under these keys were changed by whoever it was,
   * or have expired; undefined when those under all keys may have been. Who hears it reads them anew.
   */
  touched(keys: readonly string[] | undefined): void;
}
