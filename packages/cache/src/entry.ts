/** Which tier a value was got from: `loader` also stands for a value that was `set` here. */
export type Source = 'loader' | 'l2';

/** When a value was loaded and how long it is good, in ms of the cache's clock. */
export interface Life {
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** How long L1 serves an entry, in ms of the cache's clock. */
export interface Times {
  readonly freshUntil: number;
  readonly trustedUntil: number;
}

/**
 * A value in memory. Always the same fields in the same order, and times as small integers: V8 then
 * reads them without a lookup and without a box. Times are ms of the cache's clock.
 */
export class Entry<V> {
  readonly value: V;
  /** Until when it is served without a second thought. */
  readonly freshUntil: number;
  /** What L1 knew of other processes' changes when the value was asked for. */
  readonly epoch: number;
  /** The value as a promise, made at the first `getOrSet` that hits and handed to every later one. */
  promise: Promise<V> | undefined;
  /** When the loader gave the value; before the start of this process if another one loaded it. */
  readonly createdAt: number;
  /** The end of its ttl. */
  readonly expiresAt: number;
  /** Until when L1 need not ask L2 about it. */
  readonly trustedUntil: number;
  readonly source: Source;

  constructor(value: V, life: Life, times: Times, epoch: number, source: Source) {
    // What a hit reads comes first: it then lies in one line of the processor's cache.
    this.value = value;
    this.freshUntil = times.freshUntil;
    this.epoch = epoch;
    this.promise = undefined;
    this.createdAt = life.createdAt;
    this.expiresAt = life.expiresAt;
    this.trustedUntil = times.trustedUntil;
    this.source = source;
  }
}
