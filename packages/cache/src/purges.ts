import type { Ticker } from './clock.ts';
import type { ResolvedOptions } from './options.ts';
import { EVERYTHING } from './tags.ts';

/**
 * Tells a CDN, or whoever else keeps what this cache has given out, what to forget. It is done when
 * what it returns resolves; it is called again when it throws, rejects or takes longer than 5 s.
 *
 * @param tags 100 at most; undefined after `clear()`: all that comes from this cache
 */
export type PurgeHook = (
  tags: readonly string[] | undefined,
  context: { readonly signal: AbortSignal },
) => unknown;

/** What became of purges. */
export interface PurgeStats {
  /** Tags that wait for a call, or are in one, now. */
  readonly waiting: number;
  /** Tags that were purged. */
  readonly done: number;
  /** Calls that failed or took too long; their tags wait again. */
  readonly failed: number;
  /** Tags that were given up: too many waited, for too long, or until the cache was closed. */
  readonly dropped: number;
}

/** The numbers of a cache without a hook. */
export const noPurges: PurgeStats = { waiting: 0, done: 0, failed: 0, dropped: 0 };

/** What purges work with. */
interface PurgeOptions {
  readonly hook: PurgeHook;
  /** After how many ms a purge is of no use, as what was to be purged is too old to be served. */
  readonly keepMs: number;
}

const DAY_MS = 86_400_000;
const MAX_WAITING = 10_000;
/** As many as the purge calls of the usual CDNs take. */
const TAGS_PER_CALL = 100;
const CALL_MS = 5000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 30_000;

/** The purges of a cache, if it has a hook. */
export function openPurges(options: ResolvedOptions, ticker: Ticker): Purges | undefined {
  const { onInvalidateTags: hook, ttlMs, staleIfErrorMs, staleWhileRevalidateMs } = options;
  if (!hook) return undefined;
  // How long others may serve it past its ttl, only the headers say: seldom longer than this.
  const lifeMs = ttlMs + Math.max(staleIfErrorMs, staleWhileRevalidateMs);
  return new Purges({ hook, keepMs: Math.max(DAY_MS, 2 * lifeMs) }, ticker);
}

/** Calls the hook beside the callers: one call at a time, again and later after one that failed. */
export class Purges {
  #done = 0;
  #failed = 0;
  #dropped = 0;
  readonly #options: PurgeOptions;
  readonly #ticker: Ticker;
  /** Tags, and when they were invalidated. */
  readonly #waiting = new Map<string, number>();
  #calling: ReadonlyMap<string, number> = new Map();
  #failuresInARow = 0;
  #perCall = TAGS_PER_CALL;
  #running: Promise<void> | undefined;
  #isOver = false;
  /** Ends the call that runs. */
  #giveUp = () => {};
  /** Ends the pause before the next call. */
  #goOn = () => {};

  constructor(options: PurgeOptions, ticker: Ticker) {
    this.#options = options;
    this.#ticker = ticker;
  }

  /** Never throws, and waits for nothing. What is added in one turn of the event loop becomes one call. */
  add(tags: readonly string[]): void {
    const now = this.#ticker.read();
    for (const tag of tags) this.#enqueue(tag, now);
    this.#running ??= this.#run();
  }

  /** Tries at once what waits for its next call. */
  hurry(): void {
    this.#failuresInARow = 0;
    this.#goOn();
  }

  /** Tries what waits, for so long; then gives it up. */
  async close(timeoutMs: number): Promise<void> {
    this.hurry();
    const timer = setTimeout(() => this.#stop(), timeoutMs);
    await this.#running;
    clearTimeout(timer);
  }

  #stop(): void {
    this.#isOver = true;
    this.#giveUp();
    this.#goOn();
  }

  stats(): PurgeStats {
    const waiting = this.#waiting.size + this.#calling.size;
    return { waiting, done: this.#done, failed: this.#failed, dropped: this.#dropped };
  }

  #enqueue(tag: string, since: number): void {
    if (tag === EVERYTHING) this.#waiting.clear();
    else if (this.#waiting.has(EVERYTHING)) return;
    this.#waiting.set(tag, since);
    if (this.#waiting.size <= MAX_WAITING) return;
    // What it was to purge is the nearest to its end.
    const [oldest = ''] = this.#waiting.keys();
    this.#waiting.delete(oldest);
    this.#dropped += 1;
  }

  async #run(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.size > 0 && !this.#isOver) {
      this.#take();
      const isDone = await this.#call();
      this.#settle(isDone);
      if (!isDone) await this.#pause();
    }
    this.#dropped += this.#waiting.size;
    this.#waiting.clear();
    this.#running = undefined;
  }

  #take(): void {
    this.#calling = new Map([...this.#waiting].slice(0, this.#perCall));
    for (const tag of this.#calling.keys()) this.#waiting.delete(tag);
  }

  /** A call that is given up may still be carried out: purging twice does no harm. */
  async #call(): Promise<boolean> {
    const tags = [...this.#calling.keys()];
    const controller = new AbortController();
    const { signal } = controller;
    const givenUp = Promise.withResolvers<never>();
    this.#giveUp = () => {
      controller.abort();
      givenUp.reject(signal.reason);
    };
    const timer = setTimeout(this.#giveUp, CALL_MS).unref();
    try {
      const all = tags[0] === EVERYTHING ? undefined : tags;
      await Promise.race([this.#ask(all, signal), givenUp.promise]);
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
      this.#giveUp = () => {};
    }
  }

  /** A hook that throws at once is a hook that failed. */
  async #ask(tags: readonly string[] | undefined, signal: AbortSignal): Promise<unknown> {
    return this.#options.hook(tags, { signal });
  }

  #settle(isDone: boolean): void {
    const called = this.#calling;
    this.#calling = new Map();
    if (isDone) {
      this.#done += called.size;
      this.#failuresInARow = 0;
      this.#perCall = TAGS_PER_CALL;
      return;
    }
    this.#failed += 1;
    this.#failuresInARow += 1;
    // If one tag is what makes it fail, the others get past it in smaller calls.
    this.#perCall = Math.ceil(called.size / 2);
    for (const [tag, since] of called) this.#putBack(tag, since);
  }

  /** Behind the others, unless it was invalidated again meanwhile. */
  #putBack(tag: string, since: number): void {
    if (this.#waiting.has(tag)) return;
    if (this.#ticker.read() - since < this.#options.keepMs) this.#enqueue(tag, since);
    else this.#dropped += 1;
  }

  async #pause(): Promise<void> {
    if (this.#isOver) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#goOn = resolve;
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failuresInARow - 1));
    // Processes that failed together do not try again together.
    const timer = setTimeout(resolve, longest * (0.5 + Math.random() / 2)).unref();
    await promise;
    clearTimeout(timer);
  }
}
