import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { createCache } from './layered-cache.ts';
import { memoryTier } from './memory-tier.ts';
import type { CacheOptions } from './options.ts';
import { manualClock } from './testing/index.ts';

const caches: AsyncDisposable[] = [];

function open(options: Partial<CacheOptions> = {}) {
  const clock = manualClock();
  const cache = createCache<string>({ name: 'fresh', ttlMs: 1000, clock, ...options });
  caches.push(cache);
  return { clock, cache };
}

const broken = (): Promise<string> => Promise.reject(new Error('database is away'));
const loads = (value: string) => vi.fn(async () => value);
const settled = async () => {
  for (let i = 0; i < 5; i += 1) await turn();
};

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(caches.splice(0).map((cache) => cache[Symbol.asyncDispose]()));
});

test('staleWhileRevalidateMs: a value past its ttl is served at once while one load refreshes it', async () => {
  const { cache, clock } = open({ staleWhileRevalidateMs: 500 });
  await cache.set('a', 'old');
  clock.advance(1499);
  expect(cache.peek('a')).toBeUndefined();
  const row = Promise.withResolvers<string>();
  const load = vi.fn(() => row.promise);
  const calls = Array.from({ length: 10 }, () => cache.getOrSet('a', load));
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['old']));
  row.resolve('new');
  await settled();
  expect(load).toHaveBeenCalledTimes(1);
  expect(cache.peek('a')).toBe('new');
});

test('staleWhileRevalidateMs: after its end callers wait for the load', async () => {
  const { cache, clock } = open({ staleWhileRevalidateMs: 500 });
  await cache.set('a', 'old');
  clock.advance(1500);
  expect(await cache.getOrSet('a', loads('new'))).toBe('new');
});

test('staleWhileRevalidateMs: what only L2 has past its ttl is served and refreshed as well', async () => {
  const l2 = memoryTier();
  const clock = manualClock();
  const options = { l2, clock, staleWhileRevalidateMs: 500 };
  await open(options).cache.set('a', 'old');
  clock.advance(1200);
  const { cache } = open(options);
  expect(await cache.getOrSet('a', loads('new'))).toBe('old');
  await settled();
  expect(cache.peek('a')).toBe('new');
  expect(await open(options).cache.get('a')).toBe('new');
});

test('staleWhileRevalidateMs: a refresh that fails harms nobody and is tried again', async () => {
  const { cache, clock } = open({ staleWhileRevalidateMs: 500 });
  await cache.set('a', 'old');
  clock.advance(1200);
  expect(await cache.getOrSet('a', broken)).toBe('old');
  await settled();
  expect(await cache.getOrSet('a', loads('new'))).toBe('old');
  await settled();
  expect(cache.peek('a')).toBe('new');
});

test('staleWhileRevalidateMs: a deleted value is not served while it is refreshed', async () => {
  const { cache, clock } = open({ staleWhileRevalidateMs: 500 });
  await cache.set('a', 'old');
  clock.advance(1200);
  await cache.delete('a');
  expect(await cache.getOrSet('a', loads('new'))).toBe('new');
});

test('staleWhileRevalidateMs: the ttl of L1 still sends past values to L2 first', async () => {
  const l2 = memoryTier();
  const clock = manualClock();
  const { bus: _, ...busless } = l2;
  const options = { l2: busless, clock, staleWhileRevalidateMs: 5000, l1: { ttlMs: 900 } };
  const [here, there] = [open(options).cache, open(options).cache];
  await here.set('a', 'old');
  await there.get('a');
  clock.advance(1100);
  await here.set('a', 'new');
  expect(await there.getOrSet('a', broken)).toBe('new');
});

test('refreshAhead: a value that is asked for late in its life is refreshed while it is served', async () => {
  const { cache, clock } = open({ refreshAhead: 0.8 });
  await cache.set('a', 'old');
  clock.advance(799);
  const early = loads('early');
  expect(await cache.getOrSet('a', early)).toBe('old');
  expect(early).not.toHaveBeenCalled();
  clock.advance(1);
  const late = loads('new');
  expect(await cache.getOrSet('a', late)).toBe('old');
  await settled();
  expect(late).toHaveBeenCalledTimes(1);
  expect(cache.peek('a')).toBe('new');
});

test('refreshAhead: one of all processes refreshes, the others take over its value', async () => {
  const l2 = memoryTier();
  const clock = manualClock();
  const { bus: _, ...busless } = l2;
  const options = { l2: busless, clock, refreshAhead: 0.5 };
  const [here, there] = [open(options).cache, open(options).cache];
  await here.set('a', 'old');
  expect(await there.get('a')).toBe('old');
  clock.advance(600);
  expect(await here.getOrSet('a', loads('new'))).toBe('old');
  await settled();
  const needless = loads('never');
  expect(await there.getOrSet('a', needless)).toBe('old');
  await settled();
  expect(there.peek('a')).toBe('new');
  expect(needless).not.toHaveBeenCalled();
});

test('negativeTtlMs: that there is no value is remembered, here and in L2', async () => {
  const l2 = memoryTier();
  const clock = manualClock();
  const options = { l2, clock, negativeTtlMs: 100 };
  const [here, there] = [open(options).cache, open(options).cache];
  const absent = vi.fn(async () => undefined);
  expect(await here.getOrSet('a', absent)).toBeUndefined();
  expect(await here.getOrSet('a', absent)).toBeUndefined();
  expect(await there.getOrSet('a', absent)).toBeUndefined();
  expect(absent).toHaveBeenCalledTimes(1);
  expect(here.entry('a')).toBeUndefined();
  clock.advance(100);
  expect(await there.getOrSet('a', loads('now there is one'))).toBe('now there is one');
});

test('negativeTtlMs: a set ends it, and an absent value never stands in for a loader that fails', async () => {
  const { cache, clock } = open({ negativeTtlMs: 100, staleIfErrorMs: 60_000 });
  await cache.getOrSet('a', () => undefined);
  await cache.set('a', 'value');
  expect(cache.peek('a')).toBe('value');
  await cache.getOrSet('b', () => undefined);
  clock.advance(100);
  await expect(cache.getOrSet('b', broken)).rejects.toThrow('database is away');
});

test('the ttl that a loader sets also holds where it found nothing', async () => {
  const { cache, clock } = open();
  await cache.getOrSet('a', ({ setTtl }) => {
    setTtl(50);
    return undefined;
  });
  clock.advance(49);
  const load = loads('value');
  expect(await cache.getOrSet('a', load)).toBeUndefined();
  clock.advance(1);
  expect(await cache.getOrSet('a', load)).toBe('value');
});

test('errorTtlMs: callers get the same error for a while, and the loader is left alone', async () => {
  const { cache, clock } = open({ errorTtlMs: 100 });
  const failing = vi.fn(broken);
  const first = await cache.getOrSet('a', failing).catch((error: unknown) => error);
  const second = await cache.getOrSet('a', failing).catch((error: unknown) => error);
  expect(second).toBe(first);
  expect(failing).toHaveBeenCalledTimes(1);
  expect(await cache.getOrSet('b', loads('other key'))).toBe('other key');
  clock.advance(100);
  expect(await cache.getOrSet('a', loads('healed'))).toBe('healed');
});

test('errorTtlMs: values past their ttl are served meanwhile, without a load', async () => {
  const { cache, clock } = open({
    errorTtlMs: 100,
    staleIfErrorMs: 60_000,
    staleWhileRevalidateMs: 10,
  });
  await cache.set('a', 'old');
  clock.advance(1100);
  const failing = vi.fn(broken);
  expect(await cache.getOrSet('a', failing)).toBe('old');
  expect(await cache.getOrSet('a', failing)).toBe('old');
  expect(failing).toHaveBeenCalledTimes(1);
});

test('errorTtlMs: a set or a delete ends it', async () => {
  const { cache } = open({ errorTtlMs: 100 });
  await cache.getOrSet('a', broken).catch(() => undefined);
  await cache.delete('a');
  expect(await cache.getOrSet('a', loads('value'))).toBe('value');
});

test('jitter shortens a ttl by up to its part, and never lengthens it', async () => {
  const random = vi.spyOn(Math, 'random');
  const { cache } = open({ jitter: 0.2 });
  random.mockReturnValue(0);
  await cache.set('a', 'value');
  expect(cache.entry('a')?.ttlMs).toBe(1000);
  random.mockReturnValue(0.999_999);
  await cache.set('a', 'value');
  await cache.getOrSet('b', loads('value'));
  expect(cache.entry('a')?.ttlMs).toBe(801);
  expect(cache.entry('b')?.ttlMs).toBe(801);
});

test('softMs: who waits longer gets the value past its ttl, and the load goes on', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { cache, clock } = open({ staleIfErrorMs: 60_000, loadTimeout: { softMs: 50 } });
  await cache.set('a', 'old');
  clock.advance(1000);
  const row = Promise.withResolvers<string>();
  const call = cache.getOrSet('a', () => row.promise);
  await vi.advanceTimersByTimeAsync(50);
  expect(await call).toBe('old');
  expect(cache.stats().staleServed).toBe(1);
  const again = cache.getOrSet('a', loads('never'));
  row.resolve('new');
  expect(await again).toBe('new');
  expect(cache.peek('a')).toBe('new');
});

test('softMs: who has nothing else waits on', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { cache } = open({ staleIfErrorMs: 60_000, loadTimeout: { softMs: 50 } });
  const row = Promise.withResolvers<string>();
  const call = cache.getOrSet('a', () => row.promise);
  await vi.advanceTimersByTimeAsync(1000);
  row.resolve('value');
  expect(await call).toBe('value');
});

test('softMs: a load that ends in time is waited for and leaves no timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { cache, clock } = open({ staleIfErrorMs: 60_000, loadTimeout: { softMs: 50 } });
  await cache.set('a', 'old');
  clock.advance(1000);
  expect(await cache.getOrSet('a', loads('new'))).toBe('new');
  expect(vi.getTimerCount()).toBe(0);
});

test('a ttl longer than the usual one holds in a cache without L2', async () => {
  const { cache, clock } = open();
  await cache.set('a', 'value', { ttlMs: 5000 });
  clock.advance(4999);
  expect(cache.peek('a')).toBe('value');
});
