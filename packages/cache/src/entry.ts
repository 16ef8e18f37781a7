import type { Generation } from './tags.ts';

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

/** Where a value comes from. */
export interface Origin {
  readonly source: Source;
  /** The epoch of L1 when the value was asked for. */
  readonly epoch: number;
  /** The tags of the value as they were when it was asked for. */
  readonly tags: readonly Generation[];
  /** Undefined where nobody has made it yet. */
  readonly etag?: string | undefined;
}

/**
 * A value in memory. Always the same fields in the same order, and times as small integers: V8 then
 * reads them without a lookup and without a box. Times are ms of the cache's clock.
 */
export class Entry<V> {
  readonly value: V;
  /** Until when it is served without a second thought; `expire` puts it forward. */
  freshUntil: number;
  /** Up to which epoch of L1 nothing that happened concerns it. */
  epoch: number;
  /** What ends it before its time; undefined where there is none. */
  readonly tags: readonly Generation[] | undefined;
  /** The value as a promise, made at the first `getOrSet` that hits and handed to every later one. */
  promise: Promise<V> | undefined;
  /** When the loader gave the value; before the start of this process if another one loaded it. */
  readonly createdAt: number;
  /** The end of its ttl; `expire` puts it forward. */
  expiresAt: number;
  /** Until when L1 need not ask L2 about it. */
  trustedUntil: number;
  readonly source: Source;
  /** Undefined until somebody asks for it, where L2 does not have it. */
  etag: string | undefined;

  constructor(value: V, life: Life, times: Times, origin: Origin) {
    // What a hit reads comes first: it then lies in one line of the processor's cache.
    this.value = value;
    this.freshUntil = times.freshUntil;
    this.epoch = origin.epoch;
    this.tags = origin.tags.length > 0 ? origin.tags : undefined;
    this.promise = undefined;
    this.createdAt = life.createdAt;
    this.expiresAt = life.expiresAt;
    this.trustedUntil = times.trustedUntil;
    this.source = origin.source;
    this.etag = origin.etag;
  }

  /** L2 is to be asked about it. */
  distrust(): void {
    this.freshUntil = 0;
    this.trustedUntil = 0;
  }
}
