import { type Cache, type CacheOptions, createCache } from '@shopgpt/cache';
import type { FaultyTier, ManualClock } from '@shopgpt/cache/testing';
import { afterEach, vi } from 'vitest';

/** Opens a cache as another process would have it: its own memory, the L2 of all. */
export interface OpenCache<V> {
  (options?: Partial<CacheOptions>): Cache<V>;
  /** What the names of this test begin with in L2, where nothing of an earlier one is. */
  prefix(): string;
}

/**
 * Caches for the tests of one file. After each, its caches are closed, `tier` is back to normal, and
 * time has passed for as long as a tier that failed is left alone.
 */
export function useCaches<V = string>(
  usual: CacheOptions & { readonly clock?: ManualClock },
  tier?: FaultyTier,
): OpenCache<V> {
  const caches: AsyncDisposable[] = [];
  let run = 0;
  const name = () => `${usual.name}-${run}`;
  const open = (options: Partial<CacheOptions> = {}) => {
    const cache = createCache<V>({ ...usual, name: name(), ...options });
    caches.push(cache);
    return cache;
  };
  afterEach(async () => {
    vi.useRealTimers();
    run += 1;
    tier?.heal();
    usual.clock?.advance(1000);
    await Promise.all(caches.splice(0).map((cache) => cache[Symbol.asyncDispose]()));
  });
  return Object.assign(open, { prefix: () => `${name()}:v1:` });
}
