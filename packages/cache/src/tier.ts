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
  /** Keeps the bytes for at least `ttlMs` unless it needs the room, and not much longer. */
  write(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>;
  /** Keys that do not exist are no error. */
  delete(keys: readonly string[]): Promise<void>;
}
