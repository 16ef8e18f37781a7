import { setTimeout as sleep } from 'node:timers/promises';
import { type Cache, createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('when %s fails', (_name, start) => {
  const server = useServer(start, { own: true });
  const rejections: unknown[] = [];
  const note = (reason: unknown) => rejections.push(reason);
  let client: Redis;
  let cache: Cache<string>;

  beforeEach(async () => {
    process.on('unhandledRejection', note);
    // As most services make it: no tuned timeouts, no listener for errors.
    client = new Redis(server().url);
    cache = createCache({ name: 'chaos', ttlMs: 60_000, l2: redisTier({ client }) });
    await vi.waitFor(() => expect(client.status).toBe('ready'));
  });

  afterEach(async () => {
    await cache.close();
    client.disconnect();
    await sleep(0);
    process.off('unhandledRejection', note);
    expect(rejections.splice(0)).toEqual([]);
  });

  /** Asks for keys nobody has seen; gives the time each call took beyond its loader's 5 ms. */
  async function freshKeys(prefix: string, count: number): Promise<number[]> {
    const extra: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const key = `${prefix}:${i}`;
      let loaderMs = 0;
      const startedAt = performance.now();
      const value = await cache.getOrSet(key, async () => {
        const loadedAt = performance.now();
        await sleep(5);
        loaderMs = performance.now() - loadedAt;
        return key;
      });
      expect(value).toBe(key);
      extra.push(performance.now() - startedAt - loaderMs);
    }
    return extra.sort((a, b) => a - b);
  }

  test.each([
    ['killed', () => server().kill(), () => server().restart()],
    ['paused', () => server().pause(), () => server().resume()],
  ])(
    '%s: callers pay one deadline at most, hits stay hits, and it is used again when it is back',
    async (_how, hurt, heal) => {
      await cache.set('hot', 'value');
      await hurt();
      const extra = await freshKeys('away', 50);
      // One of 50 callers, one after the other, may have waited for the deadline of 50 ms.
      expect(extra[25]).toBeLessThan(40);
      expect(cache.peek('hot')).toBe('value');
      expect(cache.stats().l2.failures).toBeLessThanOrEqual(1);
      await heal();
      const other = createCache<string>({
        name: 'chaos',
        ttlMs: 60_000,
        l2: redisTier({ client }),
      });
      await vi.waitFor(
        async () => {
          await cache.set('back', 'again');
          expect(await other.get('back')).toBe('again');
        },
        { timeout: 20_000, interval: 100 },
      );
      await other.close();
    },
  );

  test('a delete while it is paused is said to wait, and reaches it before the key is read there again', async () => {
    await cache.set('user', 'old');
    await server().pause();
    expect(await cache.delete('user')).toEqual({ acknowledged: false });
    expect(await cache.get('user')).toBeUndefined();
    await server().resume();
    const seen = new Set<string | undefined>();
    await vi.waitFor(
      async () => {
        seen.add(await cache.get('user'));
        expect(cache.stats().l2.waitingDeletes).toBe(0);
      },
      { timeout: 20_000, interval: 20 },
    );
    seen.add(await cache.get('user'));
    expect([...seen]).toEqual([undefined]);
  });

  test('a set while it is paused leaves no older value behind', async () => {
    await cache.set('user', 'old');
    await server().pause();
    expect(await cache.set('user', 'new')).toEqual({ acknowledged: false });
    expect(await cache.get('user')).toBe('new');
    await server().resume();
    await vi.waitFor(() => expect(cache.stats().l2.waitingDeletes).toBe(0), { timeout: 20_000 });
    const other = createCache<string>({ name: 'chaos', ttlMs: 60_000, l2: redisTier({ client }) });
    expect(['new', undefined]).toContain(await other.get('user'));
    await other.close();
  });

  test('starts while it is away, and uses it once it is there', async () => {
    await server().kill();
    const late = new Redis(server().url);
    const starting = createCache<string>({
      name: 'late',
      ttlMs: 60_000,
      l2: redisTier({ client: late }),
    });
    expect(await starting.getOrSet('a', () => 'loaded')).toBe('loaded');
    await server().restart();
    await vi.waitFor(
      async () => expect(await starting.set('a', 'b')).toEqual({ acknowledged: true }),
      {
        timeout: 20_000,
        interval: 50,
      },
    );
    await starting.close();
    late.disconnect();
  });

  test('a server that is full refuses writes and goes on answering reads', async () => {
    await cache.set('kept', 'value');
    await client.config('SET', 'maxmemory', '1');
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    expect(await cache.getOrSet('b', () => 'loaded')).toBe('loaded');
    const other = createCache<string>({ name: 'chaos', ttlMs: 60_000, l2: redisTier({ client }) });
    expect(await other.get('kept')).toBe('value');
    expect(await cache.delete('kept')).toEqual({ acknowledged: true });
    await client.config('SET', 'maxmemory', '0');
    await other.close();
  });
});
