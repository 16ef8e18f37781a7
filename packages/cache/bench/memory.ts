import { LRUCache } from 'lru-cache';
import { createCache } from '../src/index.ts';
import { keyOf, record } from './measure.ts';

const ENTRIES = 100_000;

/** Bytes of heap for one entry, its value apart, over what a raw lru-cache takes. */
export async function heapPerEntry(name: 'ours' | 'raw'): Promise<number> {
  const store = name === 'ours' ? ours() : raw();
  await store.put(0);
  const before = await heapUsed();
  for (let i = 1; i <= ENTRIES; i += 1) await store.put(i);
  const bytes = ((await heapUsed()) - before) / ENTRIES;
  await store.put(0);
  return bytes;
}

function ours() {
  const cache = createCache<object>({
    name: 'heap',
    ttlMs: 600_000,
    l1: { maxEntries: 2 * ENTRIES },
  });
  return {
    async put(i: number) {
      await cache.getOrSet(keyOf(i), () => record(i));
      // The first hit makes the promise that all later ones are handed.
      await cache.getOrSet(keyOf(i), () => record(i));
    },
  };
}

function raw() {
  const cache = new LRUCache<string, object>({ max: 2 * ENTRIES });
  return { put: async (i: number) => void cache.set(keyOf(i), record(i)) };
}

async function heapUsed(): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return process.memoryUsage().heapUsed;
}
