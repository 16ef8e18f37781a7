/** Which tier a value was got from: `loader` also stands for a value that was `set` here. */
export type Source = 'loader' | 'l2';

/**
 * A value in memory. Always the same fields in the same order, and times as small integers: V8 then
 * reads them without a lookup and without a box. Times are ms of the cache's clock.
 */
export class Entry<V> {
  readonly value: V;
  /** The value as a promise, made at the first `getOrSet` that hits and handed to every later one. */
  promise: Promise<V> | undefined = undefined;
  /** When the loader gave the value; before the start of this process if another one loaded it. */
  readonly createdAt: number;
  /** The end of its ttl. */
  readonly expiresAt: number;
  /** Until when it is served without a look at L2: the end of its ttl or of its time in L1. */
  readonly freshUntil: number;
  readonly source: Source;

  constructor(value: V, createdAt: number, expiresAt: number, freshUntil: number, source: Source) {
    this.value = value;
    this.createdAt = createdAt;
    this.expiresAt = expiresAt;
    this.freshUntil = freshUntil;
    this.source = source;
  }
}
