import { createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('expire on %s', (_name, start) => {
  const server = useServer(start);
  let client: Redis;
  let subscriber: Redis;
  let run = 0;

  beforeAll(async () => {
    client = new Redis(server().url, { lazyConnect: true });
    await client.connect();
    subscriber = client.duplicate();
  });
  afterAll(() => {
    client.disconnect();
    subscriber.disconnect();
  });

  const open = (staleIfErrorMs = 60_000) =>
    createCache<string>({
      name: `expire-${run}`,
      ttlMs: 600_000,
      staleIfErrorMs,
      l2: redisTier({ client, subscriber, timeoutMs: 1000 }),
    });
  const broken = (): Promise<string> => Promise.reject(new Error('database is away'));

  test('no process serves the value as fresh any more, and all may fall back on it', async () => {
    run += 1;
    await using here = open();
    await using there = open();
    await here.set('a', 'old', { tags: ['t'] });
    await vi.waitFor(async () => expect(await there.get('a')).toBe('old'));
    expect(await here.expire('a')).toEqual({ acknowledged: true });
    await vi.waitFor(() => expect(there.peek('a')).toBeUndefined());
    await using later = open();
    for (const cache of [here, there, later]) {
      expect(await cache.get('a')).toBeUndefined();
      expect(await cache.getOrSet('a', broken)).toBe('old');
    }
    const leftMs = await client.pttl(`expire-${run}:v1:{a}`);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(60_000);
    expect(await later.getOrSet('a', () => 'new')).toBe('new');
    await using last = open();
    expect(await last.get('a')).toBe('new');
  });

  test('a load of another process that began before is stored neither there nor in Redis', async () => {
    run += 1;
    await using here = open();
    await using there = open();
    const row = Promise.withResolvers<string>();
    const old = there.getOrSet('a', () => row.promise);
    await vi.waitFor(() => expect(there.stats().loads).toBe(1));
    expect(await here.expire('a')).toEqual({ acknowledged: true });
    row.resolve('old');
    expect(await old).toBe('old');
    expect(there.peek('a')).toBeUndefined();
    expect(await client.exists(`expire-${run}:v1:{a}`, `~expire-${run}:v1:{a}`)).toBe(0);
  });

  test('what is under the key and is not ours goes away', async () => {
    run += 1;
    await using cache = open();
    await client.set(`expire-${run}:v1:{a}`, 'written by hand');
    await client.hset(`expire-${run}:v1:{b}`, 'field', 'value');
    await Promise.all(['a', 'b', 'absent'].map((key) => cache.expire(key)));
    expect(await client.exists(`expire-${run}:v1:{a}`, `expire-${run}:v1:{b}`)).toBe(0);
    expect(cache.stats().l2).toMatchObject({ failures: 0, waitingDeletes: 0 });
  });
});
