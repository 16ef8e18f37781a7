/** Which tier a value was got from: `loader` also stands for a value that was `set` here. */
export type Source = 'loader' | 'l2';

/**
 * A value in memory. Always the same fields in the same order, and times as small integers: V8 then
 * reads them without a lookup and without a box. Times are ms of the cache's clock.
 */
export class Entry<V> {
  readonly value: V;
  /** Until when it is served without a look at L2: the end of its ttl or of its time in L1. */
  readonly freshUntil: number;
  /** The value as a promise, made at the first `getOrSet` that hits and handed to every later one. */
  promise: Promise<V> | undefined;
  /** When the loader gave the value; before the start of this process if another one loaded it. */
  readonly createdAt: number;
  /** The end of its ttl. */
  readonly expiresAt: number;
  readonly source: Source;

  constructor(value: V, createdAt: number, expiresAt: number, freshUntil: number, source: Source) {
    // What a hit reads comes first: it then lies in one line of the processor's cache.
    this.value = value;
    this.freshUntil = freshUntil;
    this.promise = undefined;
    this.createdAt = createdAt;
    this.expiresAt = expiresAt;
    this.source = source;
  }
}
