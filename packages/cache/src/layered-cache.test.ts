import { afterEach, expect, test, vi } from 'vitest';
import { createCache } from './layered-cache.ts';
import type { Loader } from './load.ts';
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

afterEach(() => {
  vi.useRealTimers();
});

const user = (id: string): User => ({ id });
const never = () => new Promise<never>(() => undefined);
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

test('a signal detaches its caller only', async () => {
  const { cache } = open();
  const row = Promise.withResolvers<User>();
  const controller = new AbortController();
  const left = cache.getOrSet('a', () => row.promise, { signal: controller.signal });
  await vi.waitFor(() => expect(cache.stats().loads).toBe(1));
  const stayed = cache.getOrSet('a', broken);
  const reason = new Error('client went away');
  controller.abort(reason);
  await expect(left).rejects.toBe(reason);
  row.resolve(user('a'));
  expect(await stayed).toEqual(user('a'));
});

test('stops a load that nobody waits for, and the next caller starts another', async () => {
  const { cache } = open();
  const controller = new AbortController();
  let stopped: AbortSignal | undefined;
  const left = cache.getOrSet(
    'a',
    ({ signal }) => {
      stopped = signal;
      return never();
    },
    { signal: controller.signal },
  );
  await vi.waitFor(() => expect(stopped).toBeDefined());
  controller.abort();
  await expect(left).rejects.toThrow('aborted');
  expect(stopped?.aborted).toBe(true);
  expect(cache.stats()).toMatchObject({ abandonedLoads: 1 });
  expect(await cache.getOrSet('a', async () => user('a'))).toEqual(user('a'));
});

test('a signal that is aborted already rejects with its reason, also where the value is known', async () => {
  const { cache } = open();
  await cache.set('a', user('a'));
  const signal = AbortSignal.abort('too late');
  await expect(cache.getOrSet('a', broken, { signal })).rejects.toBe('too late');
  await expect(cache.get('a', { signal })).rejects.toBe('too late');
});

test('gives a load up at its hard timeout, and never stores what comes later', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { cache } = open({ loadTimeout: { hardMs: 200 } });
  const row = Promise.withResolvers<User>();
  let stopped: AbortSignal | undefined;
  const late = cache.getOrSet('a', ({ signal }) => {
    stopped = signal;
    return row.promise;
  });
  const failure = expect(late).rejects.toMatchObject({
    code: 'ERR_CACHE_LOAD_TIMEOUT',
    key: 'a',
    timeoutMs: 200,
  });
  await vi.advanceTimersByTimeAsync(200);
  await failure;
  expect(stopped?.aborted).toBe(true);
  row.resolve(user('late'));
  await vi.waitFor(() => expect(cache.stats().abandonedLoads).toBe(0));
  expect(cache.peek('a')).toBeUndefined();
});

test('starts no further load while 1000 abandoned ones still run', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { cache } = open({ loadTimeout: { hardMs: 10 } });
  const stuck = Array.from({ length: 1000 }, (_, i) => cache.getOrSet(`${i}`, never));
  const settled = Promise.allSettled(stuck);
  await vi.advanceTimersByTimeAsync(10);
  await settled;
  await expect(cache.getOrSet('a', async () => user('a'))).rejects.toMatchObject({
    code: 'ERR_CACHE_TOO_MANY_LOADS',
    abandoned: 1000,
  });
  expect(cache.stats().loads).toBe(1000);
});

test('a load that asks for its own key waits for itself no longer than the hard timeout', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { cache } = open({ loadTimeout: { hardMs: 10 } });
  const load: Loader<User> = () => cache.getOrSet('a', load);
  const failure = expect(cache.getOrSet('a', load)).rejects.toMatchObject({
    code: 'ERR_CACHE_LOAD_TIMEOUT',
  });
  await vi.advanceTimersByTimeAsync(10);
  await failure;
  expect(cache.stats().loads).toBe(1);
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
  });
  expect(cache.entry('b')).toBeUndefined();
});

test('counts what it does', async () => {
  const { cache } = open();
  await cache.getOrSet('a', async () => user('a'));
  await cache.getOrSet('a', broken);
  cache.peek('a');
  expect(cache.stats()).toEqual({
    l1: { hits: 2, misses: 1, entries: 1 },
    l2: {
      hits: 0,
      misses: 0,
      foreign: 0,
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
