import { expect, test, vi } from 'vitest';
import { createCache } from './layered-cache.ts';
import type { CacheOptions } from './options.ts';
import { manualClock } from './testing/index.ts';

interface User {
  readonly id: string;
}

function open(options: Partial<CacheOptions> = {}) {
  const clock = manualClock();
  const cache = createCache<User>({ name: 'user', ttlMs: 1000, clock, ...options });
  return { clock, cache };
}

const user = (id: string): User => ({ id });
const never = () => new Promise<never>(() => undefined);
const etag = expect.stringMatching(/^"[\w-]{22}"$/);
const broken = (): Promise<User> => Promise.reject(new Error('database is away'));

test('loads a key once however many callers wait for it', async () => {
  const { cache } = open();
  const load = vi.fn(async () => user('a'));
  const users = await Promise.all(Array.from({ length: 1000 }, () => cache.getOrSet('a', load)));
  expect(load).toHaveBeenCalledTimes(1);
  expect(new Set(users).size).toBe(1);
  expect(cache.stats()).toMatchObject({ loads: 1, sharedFlights: 999 });
});

test('serves a loaded value from memory, always as the same promise, until its ttl is over', async () => {
  const { cache, clock } = open();
  await cache.getOrSet('a', async () => user('old'));
  clock.advance(999);
  const hit = cache.getOrSet('a', broken);
  expect(await hit).toEqual(user('old'));
  expect(cache.getOrSet('a', broken)).toBe(hit);
  expect(cache.peek('a')).toEqual(user('old'));
  clock.advance(1);
  expect(cache.peek('a')).toBeUndefined();
  expect(await cache.getOrSet('a', async () => user('new'))).toEqual(user('new'));
});

test('gives all who wait the same error, and forgets it at once', async () => {
  const { cache } = open();
  const calls = Array.from({ length: 100 }, () => cache.getOrSet('a', broken));
  const reasons = (await Promise.allSettled(calls)).map(
    (result) => result.status === 'rejected' && result.reason,
  );
  expect(new Set(reasons).size).toBe(1);
  expect(await cache.getOrSet('a', async () => user('a'))).toEqual(user('a'));
});

test('treats a loader that throws at once as a loader that failed', async () => {
  const { cache } = open();
  const load = () => {
    throw new Error('at once');
  };
  await expect(cache.getOrSet('a', load)).rejects.toThrow('at once');
  expect(cache.stats()).toMatchObject({ loads: 1, loadFailures: 1 });
});

test.each([[null], [0], [''], [false], [Number.NaN]])(
  'stores %j like any other value',
  async (value) => {
    const cache = createCache<unknown>({ name: 'any', ttlMs: 1000 });
    await cache.getOrSet('a', () => value);
    expect(await cache.getOrSet('a', () => 'loaded again')).toBe(value);
    expect(await cache.get('a')).toBe(value);
    expect(cache.peek('a')).toBe(value);
    await cache.close();
  },
);

test('takes undefined from a loader for "there is none" and does not store it', async () => {
  const { cache } = open();
  const load = vi.fn(async () => undefined);
  expect(await cache.getOrSet('a', load)).toBeUndefined();
  expect(await cache.getOrSet('a', load)).toBeUndefined();
  expect(load).toHaveBeenCalledTimes(2);
  await expect(cache.set('a', undefined as never)).rejects.toThrow(TypeError);
});

test('serves a value past its ttl when the loader fails, as long as allowed', async () => {
  const { cache, clock } = open({ staleIfErrorMs: 5000 });
  await cache.getOrSet('a', async () => user('a'));
  clock.advance(5999);
  expect(await cache.getOrSet('a', broken)).toEqual(user('a'));
  expect(cache.entry('a')).toEqual({
    value: user('a'),
    ageMs: 5999,
    ttlMs: -4999,
    tier: 'loader',
    tags: [],
    etag,
  });
  expect(cache.stats()).toMatchObject({ staleServed: 1, loadFailures: 1 });
  clock.advance(1);
  await expect(cache.getOrSet('a', broken)).rejects.toThrow('database is away');
  expect(cache.entry('a')).toBeUndefined();
});

test('does not serve a deleted value when the loader fails', async () => {
  const { cache, clock } = open({ staleIfErrorMs: 5000 });
  await cache.set('a', user('a'));
  await cache.delete('a');
  clock.advance(1500);
  await expect(cache.getOrSet('a', broken)).rejects.toThrow('database is away');
});

test.each([
  ['deleted', (cache: ReturnType<typeof open>['cache']) => cache.delete('a'), undefined],
  ['set', (cache: ReturnType<typeof open>['cache']) => cache.set('a', user('new')), user('new')],
])('a load stores nothing when its key is %s meanwhile', async (_how, change, after) => {
  const { cache } = open();
  const row = Promise.withResolvers<User>();
  const old = cache.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(cache.stats().loads).toBe(1));
  await change(cache);
  row.resolve(user('old'));
  expect(await old).toEqual(user('old'));
  expect(cache.peek('a')).toEqual(after);
  expect(cache.stats().fencedWrites).toBe(1);
});

test('who comes after a delete does not share a load that began before it', async () => {
  const { cache } = open();
  const row = Promise.withResolvers<User>();
  const before = cache.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(cache.stats().loads).toBe(1));
  await cache.delete('a');
  expect(await cache.getOrSet('a', async () => user('new'))).toEqual(user('new'));
  row.resolve(user('old'));
  expect(await before).toEqual(user('old'));
  expect(cache.peek('a')).toEqual(user('new'));
});

test('the loader learns its key and what was known before, and says how to store', async () => {
  const { cache, clock } = open();
  await cache.getOrSet('a', ({ key, previous, setTtl }) => {
    expect(key).toBe('a');
    expect(previous).toBeUndefined();
    setTtl(10);
    return user('first');
  });
  clock.advance(10);
  const skipped = await cache.getOrSet('a', ({ previous, skip }) => {
    expect(previous).toEqual({
      value: user('first'),
      ageMs: 10,
      ttlMs: 0,
      tier: 'loader',
      tags: [],
      etag,
    });
    skip();
    return user('second');
  });
  expect(skipped).toEqual(user('second'));
  expect(cache.peek('a')).toBeUndefined();
  await expect(
    cache.getOrSet('a', ({ setTtl }) => {
      setTtl(0);
      return user('third');
    }),
  ).rejects.toThrow('ttl must be a positive integer, got 0');
});

test('set takes another ttl for one value, and a bad one stores nothing', async () => {
  const { cache, clock } = open();
  expect(await cache.set('a', user('a'), { ttlMs: 10 })).toEqual({ acknowledged: true });
  clock.advance(10);
  expect(await cache.get('a')).toBeUndefined();
  await expect(cache.set('b', user('b'), { ttlMs: -1 })).rejects.toThrow(RangeError);
  expect(cache.peek('b')).toBeUndefined();
});

test('entry tells age, time left and origin', async () => {
  const { cache, clock } = open();
  await cache.set('a', user('a'));
  clock.advance(300);
  expect(cache.entry('a')).toEqual({
    value: user('a'),
    ageMs: 300,
    ttlMs: 700,
    tier: 'loader',
    tags: [],
    etag,
  });
  expect(cache.entry('b')).toBeUndefined();
});

test('counts what it does', async () => {
  const { cache } = open();
  await cache.getOrSet('a', async () => user('a'));
  await cache.getOrSet('a', broken);
  cache.peek('a');
  expect(cache.stats()).toEqual({
    l1: { hits: 2, misses: 1, entries: 1, bytes: 0 },
    l2: {
      hits: 0,
      misses: 0,
      foreign: 0,
      tooLarge: 0,
      bytesRead: 0,
      bytesWritten: 0,
      failures: 0,
      skipped: 0,
      leaseWaits: 0,
      busLosses: 0,
      waitingDeletes: 0,
    },
    loads: 1,
    loadFailures: 0,
    abandonedLoads: 0,
    sharedFlights: 0,
    fencedWrites: 0,
    staleServed: 0,
    purges: { waiting: 0, done: 0, failed: 0, dropped: 0 },
  });
});

test('close waits for running loads, forgets everything and refuses later calls', async () => {
  const { cache } = open();
  const row = Promise.withResolvers<User>();
  const running = cache.getOrSet('a', () => row.promise);
  const closed = cache.close();
  expect(cache.close()).toBe(closed);
  row.resolve(user('a'));
  await closed;
  expect(await running).toEqual(user('a'));
  expect(cache.peek('a')).toBeUndefined();
  const refused = { code: 'ERR_CACHE_CLOSED', message: 'the cache "user" is closed' };
  await expect(cache.getOrSet('a', broken)).rejects.toMatchObject(refused);
  await expect(cache.get('a')).rejects.toMatchObject(refused);
  await expect(cache.set('a', user('a'))).rejects.toMatchObject(refused);
  await expect(cache.delete('a')).rejects.toMatchObject(refused);
});

test('close gives up loads that take longer than it may wait', async () => {
  const { cache } = open();
  const running = cache.getOrSet('a', never);
  const failure = expect(running).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
  await cache.close({ timeoutMs: 1 });
  await failure;
});

test('is closed at the end of an `await using` block', async () => {
  let kept: ReturnType<typeof open>['cache'];
  {
    await using cache = open().cache;
    kept = cache;
  }
  await expect(kept.get('a')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
});
