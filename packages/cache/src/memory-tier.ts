import { LRUCache } from 'lru-cache';
import { checkDelay, checkInteger } from './check.ts';
import type { Tier } from './tier.ts';

/** How `memoryTier` keeps its bytes. */
export interface MemoryTierOptions {
  /** Default 10,000. */
  readonly maxEntries?: number;
  /** Default 50. */
  readonly timeoutMs?: number;
}

/**
 * An L2 in the memory of this process, for development without a Redis and for tests: caches that
 * are given the same tier share it as two processes share a Redis. It holds bytes, so values
 * behave exactly as they do with Redis.
 *
 * @throws RangeError that names the option and its value
 */
export function memoryTier(options: MemoryTierOptions = {}): Tier {
  const { maxEntries = 10_000, timeoutMs = 50 } = options;
  checkInteger('maxEntries', maxEntries, 1);
  checkDelay('timeoutMs', timeoutMs);
  const entries = new LRUCache<string, Uint8Array>({ max: maxEntries, ttlResolution: 0 });
  return {
    name: 'memory',
    timeoutMs,
    isReady: () => true,
    read: async (keys) => keys.map((key) => entries.get(key)),
    write: async (key, bytes, ttlMs) => {
      entries.set(key, bytes, { ttl: ttlMs });
    },
    delete: async (keys) => {
      for (const key of keys) entries.delete(key);
    },
  };
}
