import { setTimeout as sleep } from 'node:timers/promises';
import { type PeerCache, peers } from '@shopgpt/peers/cache';
import { Redis } from 'ioredis';
import { createCache } from '../src/index.ts';
import { redisTier } from '../src/redis/index.ts';

export const OURS = '@shopgpt/cache';
export const contestants: readonly string[] = [OURS, ...Object.keys(peers)];

const ttlMs = 600_000;
const maxEntries = 200_000;

/** Opens one of the caches of two levels. */
export async function open(name: string, redisUrl: string): Promise<PeerCache> {
  const peer = peers[name];
  if (peer) return peer({ redisUrl, ttlMs, maxEntries });
  return openOurs(redisUrl);
}

export async function openOurs(redisUrl: string) {
  const client = new Redis(redisUrl);
  const cache = createCache<unknown>({
    name: 'bench',
    ttlMs,
    l1: { maxEntries, ttlMs },
    l2: redisTier({ client }),
  });
  await ready(client);
  return {
    cache,
    getOrSet: (key: string, load: () => Promise<unknown>) => cache.getOrSet(key, load),
    async close() {
      await cache.close();
      client.disconnect();
    },
  };
}

/** Connects to the Redis itself. */
export async function connect(redisUrl: string): Promise<Redis> {
  const client = new Redis(redisUrl);
  client.on('error', () => undefined);
  await ready(client);
  return client;
}

async function ready(client: Redis): Promise<void> {
  while (client.status !== 'ready') await sleep(5);
}
