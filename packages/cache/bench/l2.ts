import type { PeerCache } from '@shopgpt/peers/cache';
import { connect, open } from './contestants.ts';
import { interleave, keyOf, record } from './measure.ts';

const KEYS = 6000;
const CONCURRENCY = 64;
const ROUNDS = 5;

/** Misses in memory that Redis has: throughput over that of a raw `get` and JSON.parse in the same process. */
export async function l2Ratio(name: string, redisUrl: string): Promise<number> {
  const keys = Array.from({ length: KEYS }, (_, i) => keyOf(i));
  const redis = await connect(redisUrl);
  const value = (i: number) => ({ ...record(i), bio: 'lorem ipsum dolor sit amet '.repeat(32) });
  for (const [i, key] of keys.entries()) await redis.set(`raw:${key}`, JSON.stringify(value(i)));
  const filler = await open(name, redisUrl);
  for (const [i, key] of keys.entries()) await filler.getOrSet(key, async () => value(i));
  await filler.close();

  const forbidden = () => Promise.reject(new Error('Redis should have had it'));
  let fresh: PeerCache | undefined;
  const figures = await interleave(ROUNDS, {
    raw: () => perSecond(keys, async (key) => JSON.parse((await redis.get(`raw:${key}`)) ?? '')),
    cache: async () => {
      // An empty memory, and a connection that is there.
      fresh = await open(name, redisUrl);
      await fresh.getOrSet(keyOf(0), forbidden);
      const opened = fresh;
      const figure = await perSecond(keys, (key) => opened.getOrSet(key, forbidden));
      await fresh.close();
      return figure;
    },
  });
  redis.disconnect();
  return figures.cache / figures.raw;
}

async function perSecond(keys: readonly string[], get: (key: string) => Promise<unknown>) {
  let next = 0;
  const worker = async () => {
    for (let key = keys[next++]; key !== undefined; key = keys[next++]) await get(key);
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return (keys.length * 1000) / (performance.now() - startedAt);
}
