import { LRUCache } from 'lru-cache';
import { checkDelay, checkEntries } from './check.ts';
import type { BusListener, LeaseEnd, Tier, TierBus, TierLeases } from './tier.ts';

/** How `memoryTier` keeps its bytes. */
export interface MemoryTierOptions {
  /** Default 10,000; at most 16,777,215. */
  readonly maxEntries?: number;
  /** Default 50. */
  readonly timeoutMs?: number;
}

type Shelf<T extends object> = LRUCache<string, T>;

/** A lease. */
interface Standing {
  readonly token: string;
  isAwaited: boolean;
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
  checkEntries('maxEntries', maxEntries);
  checkDelay('timeoutMs', timeoutMs);
  const values: Shelf<Uint8Array> = new LRUCache({ max: maxEntries, ttlResolution: 0 });
  const standing: Shelf<Standing> = new LRUCache({ max: maxEntries, ttlResolution: 0 });
  return {
    name: 'memory',
    timeoutMs,
    isReady: () => true,
    read: async (keys) => keys.map((key) => values.get(key)),
    write: async (key, bytes, ttlMs) => {
      standing.delete(key);
      values.set(key, bytes, { ttl: ttlMs });
    },
    delete: async (keys) => {
      for (const key of keys) {
        standing.delete(key);
        values.delete(key);
      }
    },
    patch: async (key, head, next, ttlMs) => {
      standing.delete(key);
      const bytes = values.get(key);
      if (!bytes || !beginsWith(bytes, head)) return void values.delete(key);
      const patched = Uint8Array.from(bytes);
      patched.set(next, head.length);
      const leftMs = Math.ceil(values.getRemainingTTL(key));
      values.set(key, patched, { ttl: Math.min(ttlMs, leftMs) });
    },
    leases: memoryLeases(values, standing),
    bus: memoryBus(),
  };
}

function memoryBus(): TierBus {
  const channels = new Map<string, Set<BusListener>>();
  return {
    subscribe(channel, listener) {
      const listeners = channels.get(channel) ?? new Set();
      channels.set(channel, listeners.add(listener));
      listener.up();
      return () => listeners.delete(listener);
    },
    async publish(channel, text) {
      for (const listener of channels.get(channel) ?? []) {
        queueMicrotask(() => listener.message(text));
      }
    },
  };
}

function memoryLeases(values: Shelf<Uint8Array>, standing: Shelf<Standing>): TierLeases {
  function endOf(key: string, token: string): LeaseEnd {
    const lease = standing.get(key);
    if (lease?.token !== token) return 'gone';
    standing.delete(key);
    return lease.isAwaited ? 'awaited' : 'ended';
  }

  return {
    async take(key, token, ms, known) {
      const bytes = values.get(key);
      if (bytes?.length && !(known && beginsWith(bytes, known))) return bytes;
      const lease = standing.get(key);
      if (!lease) {
        standing.set(key, { token, isAwaited: false }, { ttl: ms });
        return 'taken';
      }
      lease.isAwaited = true;
      return 'held';
    },
    async renew(key, token, ms) {
      const lease = standing.get(key);
      if (lease?.token === token) standing.set(key, lease, { ttl: ms });
    },
    async write(key, token, bytes, ttlMs) {
      const end = endOf(key, token);
      if (end !== 'gone') values.set(key, bytes, { ttl: ttlMs });
      return end;
    },
    release: async (key, token) => endOf(key, token),
  };
}

function beginsWith(bytes: Uint8Array, known: Uint8Array): boolean {
  return known.every((byte, i) => bytes[i] === byte);
}
