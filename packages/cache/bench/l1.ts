import { LRUCache } from 'lru-cache';
import { createCache } from '../src/index.ts';
import { OURS, open } from './contestants.ts';
import { cpuPerCall, interleave, keyOf, record } from './measure.ts';

const CALLS = 20_000;
const ROUNDS = 15;

/** Hits in memory at random keys: CPU per call over that of a raw `lru-cache.get` in the same process. */
export async function hitRatios(name: string, redisUrl: string, keyCount: number) {
  const keys = Array.from({ length: keyCount }, (_, i) => keyOf(i));
  const order = randomOrder(keys);
  const raw = new LRUCache<string, object>({ max: 200_000 });
  for (const [i, key] of keys.entries()) raw.set(key, record(i));
  let sink = 0;
  const use = (value: unknown) => {
    sink += (value as { id: number }).id;
  };

  const cache = await open(name, redisUrl);
  const load = async () => record(1);
  for (let i = 0; i < keys.length; i += 500) {
    await Promise.all(keys.slice(i, i + 500).map((key) => cache.getOrSet(key, load)));
  }
  const awaited = async () => {
    for (const key of order) use(await cache.getOrSet(key, load));
  };
  const figures = await interleave(ROUNDS, {
    raw: () =>
      cpuPerCall(CALLS, () => {
        for (const key of order) use(raw.get(key));
      }),
    awaited: () => cpuPerCall(CALLS, awaited),
    peek: name === OURS ? await peekRound(keys, order, use) : () => Number.NaN,
  });
  await cache.close();
  if (sink === 0) throw new Error('no value was read');
  return { awaited: figures.awaited / figures.raw, peek: figures.peek / figures.raw };
}

async function peekRound(
  keys: readonly string[],
  order: readonly string[],
  use: (value: unknown) => void,
) {
  const cache = createCache<unknown>({ name: 'peek', ttlMs: 600_000, l1: { maxEntries: 200_000 } });
  for (const [i, key] of keys.entries()) await cache.set(key, record(i));
  return () =>
    cpuPerCall(CALLS, () => {
      for (const key of order) use(cache.peek(key));
    });
}

function randomOrder(keys: readonly string[]): string[] {
  let seed = 42;
  return Array.from({ length: CALLS }, () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return keys[seed % keys.length] ?? '';
  });
}
