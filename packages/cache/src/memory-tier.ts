import { LRUCache } from 'lru-cache';
import { checkDelay, checkInteger } from './check.ts';
import type { BusListener, Tier, TierBus, TierLeases } from './tier.ts';

/** How `memoryTier` keeps its bytes. */
export interface MemoryTierOptions {
  /** Default 10,000. */
  readonly maxEntries?: number;
  /** Default 50. */
  readonly timeoutMs?: number;
}

type Shelf<T extends object | string> = LRUCache<string, T>;

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
  const values: Shelf<Uint8Array> = new LRUCache({ max: maxEntries, ttlResolution: 0 });
  const tokens: Shelf<string> = new LRUCache({ max: maxEntries, ttlResolution: 0 });
  return {
    name: 'memory',
    timeoutMs,
    isReady: () => true,
    read: async (keys) => keys.map((key) => values.get(key)),
    write: async (key, bytes, ttlMs) => {
      tokens.delete(key);
      values.set(key, bytes, { ttl: ttlMs });
    },
    delete: async (keys) => {
      for (const key of keys) {
        tokens.delete(key);
        values.delete(key);
      }
    },
    patch: async (key, head, next, ttlMs) => {
      tokens.delete(key);
      const bytes = values.get(key);
      if (!bytes || !beginsWith(bytes, head)) return void values.delete(key);
      const patched = Uint8Array.from(bytes);
      patched.set(next, head.length);
      const leftMs = Math.ceil(values.getRemainingTTL(key));
      values.set(key, patched, { ttl: Math.min(ttlMs, leftMs) });
    },
    leases: memoryLeases(values, tokens),
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

function memoryLeases(values: Shelf<Uint8Array>, tokens: Shelf<string>): TierLeases {
  return {
    async take(key, token, ms, known) {
      const bytes = values.get(key);
      if (bytes?.length && !(known && beginsWith(bytes, known))) return bytes;
      if (tokens.get(key) !== undefined) return 'held';
      tokens.set(key, token, { ttl: ms });
      return 'taken';
    },
    async renew(key, token, ms) {
      if (tokens.get(key) === token) tokens.set(key, token, { ttl: ms });
    },
    async write(key, token, bytes, ttlMs) {
      if (tokens.get(key) !== token) return false;
      tokens.delete(key);
      values.set(key, bytes, { ttl: ttlMs });
      return true;
    },
    async release(key, token) {
      if (tokens.get(key) === token) tokens.delete(key);
    },
  };
}

function beginsWith(bytes: Uint8Array, known: Uint8Array): boolean {
  return known.every((byte, i) => bytes[i] === byte);
}
