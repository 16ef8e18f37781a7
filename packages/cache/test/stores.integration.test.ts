import { createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('what is stored on %s', (_name, start) => {
  const server = useServer(start);
  let client: Redis;
  let run = 0;

  beforeAll(async () => {
    client = new Redis(server().url, { lazyConnect: true });
    await client.connect();
  });
  afterAll(() => client.disconnect());

  const nameOf = (key: string) => `stores-${run}:v1:{${key}}`;
  const open = () =>
    createCache<string>({
      name: `stores-${run}`,
      ttlMs: 600_000,
      maxValueBytes: 1000,
      l2: redisTier({ client, timeoutMs: 1000 }),
    });

  test('fresh: the loader is asked though Redis has a value, and its value takes that place', async () => {
    run += 1;
    await using here = open();
    await using there = open();
    await here.set('a', 'old');
    const seen: unknown[] = [];
    const load = vi.fn(({ previous }: { readonly previous: { value: string } | undefined }) => {
      seen.push(previous?.value);
      return 'new';
    });
    const calls = Array.from({ length: 100 }, () => there.getOrSet('a', load, { fresh: true }));
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['new']));
    expect(seen).toEqual(['old']);
    await using later = open();
    expect(await later.get('a')).toBe('new');
    expect(await client.exists(`~${nameOf('a')}`)).toBe(0);
  });

  test('maxValueBytes: what is larger never gets to Redis, and what was there before it is gone', async () => {
    run += 1;
    const large = 'x'.repeat(1000);
    await using cache = open();
    await cache.set('a', 'old');
    expect(await cache.getOrSet('a', () => large, { fresh: true })).toBe(large);
    await cache.set('b', 'old');
    expect(await cache.set('b', large)).toEqual({ acknowledged: true });
    await vi.waitFor(async () => expect(await client.exists(nameOf('a'), nameOf('b'))).toBe(0));
    expect([cache.peek('a'), cache.peek('b')]).toEqual([large, large]);
    expect(await client.exists(`~${nameOf('a')}`)).toBe(0);
    await using later = open();
    expect(await later.get('a')).toBeUndefined();
    expect(later.stats().l2).toMatchObject({ foreign: 0, failures: 0 });
    expect(cache.stats().l2).toMatchObject({ tooLarge: 2, failures: 0, waitingDeletes: 0 });
  });

  test('the bytes that go to Redis and come from it are counted', async () => {
    run += 1;
    await using here = open();
    await using there = open();
    await here.set('a', 'value', { tags: ['t'] });
    await there.get('a');
    const bytes = await client.strlen(nameOf('a'));
    expect(here.stats().l2).toMatchObject({ bytesWritten: bytes, bytesRead: 0 });
    expect(there.stats().l2).toMatchObject({ bytesWritten: 0, bytesRead: bytes });
  });
});
