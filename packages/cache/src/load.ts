import type { CacheEntry } from './cache.ts';
import { checkInteger, checkTags } from './check.ts';
import { LoadTimeoutError, TooManyLoadsError } from './errors.ts';
import { checkEtag } from './etag.ts';

/** What a loader is given. */
export interface LoadContext<V> {
  /** The key, as the caller wrote it. */
  readonly key: string;
  /** Aborts when nobody waits for the value any more, and at `loadTimeout.hardMs`. Pass it on. */
  readonly signal: AbortSignal;
  /** The entry that is past its ttl, if it is still known: for a conditional request. */
  readonly previous: CacheEntry<V> | undefined;
  /** Another ttl for this value than the cache's, in ms. @throws RangeError unless a positive integer */
  setTtl(ms: number): void;
  /** The tags of this value instead of those that the caller named. A tag that is new to this process may cost the value its place once. @throws TypeError when one is empty */
  setTags(tags: readonly string[]): void;
  /**
   * The ETag by which the origin knows this value, instead of one that is made of its bytes: the next
   * `previous.etag` is this one, for `If-None-Match`. Who gives back `previous.value` keeps its etag
   * without a word. @throws TypeError unless it is one as in RFC 9110, quotes included
   */
  setEtag(etag: string): void;
  /** Gives the value to those who wait and stores it nowhere. */
  skip(): void;
}

/** Gets a value from where it is kept. `undefined` means that there is none: that is stored for `negativeTtlMs`. */
export type Loader<V, R = V> = (context: LoadContext<V>) => R | PromiseLike<R>;

/** What a load came to. */
export interface Loaded<R> {
  readonly value: R;
  /** Zero when it is not to be stored. */
  readonly ttlMs: number;
  /** Undefined when the loader said nothing about them. */
  readonly tags: readonly string[] | undefined;
  /** Undefined when it has to be made. */
  readonly etag: string | undefined;
  readonly tookMs: number;
}

/** What is loaded, for whom, and what stops it. */
export interface LoadRequest<V, R> {
  readonly key: string;
  readonly load: Loader<V, R>;
  readonly previous: CacheEntry<V> | undefined;
  readonly signal: AbortSignal;
  /** Makes `signal` abort. */
  stop(reason: unknown): void;
}

/** How loads are run and what becomes of their values. */
export interface LoadOptions {
  readonly ttlMs: number;
  readonly negativeTtlMs: number;
  readonly hardMs: number;
}

/** Loaders that ignore their signal go on after everyone has left: no more than so many of them. */
const MAX_ABANDONED = 1000;

/** Runs loaders: within their time, and never too many that nobody waits for. */
export class Loads {
  started = 0;
  failed = 0;
  /** How many run on though nobody waits for them. */
  abandoned = 0;
  readonly #options: LoadOptions;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Rejects with the loader's error, with the reason of `signal`, or with a LoadTimeoutError. */
  async run<V, R>(request: LoadRequest<V, R>): Promise<Loaded<R>> {
    request.signal.throwIfAborted();
    if (this.abandoned >= MAX_ABANDONED) throw new TooManyLoadsError(request.key, this.abandoned);
    this.started += 1;
    const wish: Wish = {};
    const startedAt = performance.now();
    try {
      const value = await this.#inTime(request, contextOf(request, wish));
      const { ttlMs, negativeTtlMs } = this.#options;
      const usual = value === undefined ? negativeTtlMs : ttlMs;
      const tookMs = performance.now() - startedAt;
      const { previous } = request;
      // What has not changed is still what the origin knows under its etag.
      const kept = previous !== undefined && Object.is(previous.value, value);
      const etag = wish.etag ?? (kept ? previous.etag : undefined);
      return { value, ttlMs: wish.ttlMs ?? usual, tags: wish.tags, etag, tookMs };
    } catch (error) {
      this.failed += 1;
      throw error;
    }
  }

  async #inTime<V, R>(request: LoadRequest<V, R>, context: LoadContext<V>): Promise<R> {
    const { key, signal, stop } = request;
    const stopped = Promise.withResolvers<never>();
    const giveUp = () => stopped.reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    const { hardMs } = this.#options;
    const timer = setTimeout(() => stop(new LoadTimeoutError(key, hardMs)), hardMs);
    const work = callAsync(request.load, context);
    try {
      return await Promise.race([work, stopped.promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      if (signal.aborted) this.watchAbandoned(work);
    }
  }

  /** Counts a load that nobody waits for, for as long as it runs. */
  watchAbandoned(work: Promise<unknown>): void {
    this.abandoned += 1;
    const settled = () => {
      this.abandoned -= 1;
    };
    work.then(settled, settled);
  }
}

/** What the loader said about storing its value. */
interface Wish {
  ttlMs?: number;
  tags?: readonly string[];
  etag?: string;
}

/** A loader that throws at once is a loader that failed. */
async function callAsync<V, R>(load: Loader<V, R>, context: LoadContext<V>): Promise<R> {
  return load(context);
}

function contextOf<V, R>({ key, signal, previous }: LoadRequest<V, R>, wish: Wish): LoadContext<V> {
  return {
    key,
    signal,
    previous,
    setTtl(ms) {
      checkInteger('ttl', ms, 1);
      wish.ttlMs = ms;
    },
    setTags(tags) {
      checkTags(tags);
      wish.tags = [...tags];
    },
    setEtag(etag) {
      checkEtag(etag);
      wish.etag = etag;
    },
    skip() {
      wish.ttlMs = 0;
    },
  };
}
