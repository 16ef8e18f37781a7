import type CircuitBreaker from 'opossum';
import type { StatusProperty } from './lazy-status.ts';

/** opossum's `cache` and `coalesce`, with the defaults that opossum gives them. */
export interface MemoryOptions<TI extends unknown[]> {
  readonly cache?: boolean;
  readonly cacheTTL: number;
  readonly cacheGetKey: (...args: TI) => string;
  readonly cacheTransport?: CircuitBreaker.CacheTransport;
  readonly coalesce: boolean;
  readonly coalesceTTL: number | false;
  readonly coalesceCache?: CircuitBreaker.CacheTransport & { delete(key: string): void };
  readonly coalesceResetOn: readonly string[];
}

/** What it tells of each look: what opossum counts it under, and the event. */
const looks = {
  cache: { hit: ['cacheHits', 'cacheHit'], miss: ['cacheMisses', 'cacheMiss'] },
  coalesce: {
    hit: ['coalesceCacheHits', 'coalesceCacheHit'],
    miss: ['coalesceCacheMisses', 'coalesceCacheMiss'],
  },
} as const;

type Look = (typeof looks)['cache' | 'coalesce'];
type Tell = (property: StatusProperty, event: string) => void;

/** Answers from what earlier calls with the same key have brought or are about to bring. */
export class Memory<TI extends unknown[], TR> {
  readonly #options: MemoryOptions<TI>;
  readonly #tell: Tell;

  constructor(options: MemoryOptions<TI>, tell: Tell) {
    this.#options = options;
    this.#tell = tell;
  }

  recall(key: string): Promise<TR> | undefined {
    const { cache, cacheTransport, coalesce, coalesceCache } = this.#options;
    const cached = cache ? this.#look(cacheTransport, key, looks.cache) : undefined;
    if (cached || !coalesce) return cached;
    return this.#look(coalesceCache, key, looks.coalesce);
  }

  begun(key: string, call: Promise<TR>): void {
    this.#options.coalesceCache?.set(key, call, expiry(this.#options.coalesceTTL || 0));
  }

  /** Only what the action itself brought is kept, no answer of a fallback. */
  ended(key: string, how: 'success' | 'error' | 'timeout', value?: TR): void {
    const { cache, cacheTransport, cacheTTL, coalesceResetOn, coalesceCache } = this.#options;
    if (coalesceResetOn.includes(how)) coalesceCache?.delete(key);
    if (cache && how === 'success') {
      cacheTransport?.set(key, Promise.resolve(value), expiry(cacheTTL));
    }
  }

  /** The call with this key never began. */
  forget(key: string): void {
    this.#options.coalesceCache?.delete(key);
  }

  #look(
    store: CircuitBreaker.CacheTransport | undefined,
    key: string,
    { hit, miss }: Look,
  ): Promise<TR> | undefined {
    const found = store?.get(key) as Promise<TR> | undefined;
    const [property, event] = found ? hit : miss;
    this.#tell(property, event);
    return found;
  }
}

/** opossum's stores take the time by the wall clock; 0 is never. */
function expiry(ttlMs: number): number {
  return ttlMs > 0 ? Date.now() + ttlMs : 0;
}
