import { setTimeout as sleep } from 'node:timers/promises';
import { peers } from '@shopgpt/peers/cache';
import { Redis } from 'ioredis';
import { createCache } from '../src/index.ts';
import { redisTier } from '../src/redis/index.ts';

export const OURS = '@shopgpt/cache';
export const contestants: readonly string[] = [OURS, ...Object.keys(peers)];

const ttlMs = 600_000;
const maxEntries = 200_000;

/** A cache of two levels; only ours knows the tags. */
export interface Contestant {
  getOrSet(
    key: string,
    load: () => Promise<unknown>,
    options?: { readonly tags: readonly string[] },
  ): Promise<unknown>;
  close(): unknown;
}

/**
 * Opens one of the caches of two levels.
 *
 * @param timeoutMs ours waits so long for Redis
 */
export async function open(name: string, redisUrl: string, timeoutMs = 50): Promise<Contestant> {
  const peer = peers[name];
  if (peer) return peer({ redisUrl, ttlMs, maxEntries });
  return openOurs(redisUrl, timeoutMs);
}

async function openOurs(redisUrl: string, timeoutMs: number): Promise<Contestant> {
  const client = new Redis(redisUrl);
  const subscriber = client.duplicate();
  const cache = createCache<unknown>({
    name: 'bench',
    ttlMs,
    l1: { maxEntries, ttlMs },
    l2: redisTier({ client, subscriber, timeoutMs }),
  });
  await Promise.all([ready(client), ready(subscriber)]);
  return {
    getOrSet: (key, load, options) => cache.getOrSet(key, load, options),
    async close() {
      await cache.close();
      client.disconnect();
      subscriber.disconnect();
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
