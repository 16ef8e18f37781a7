import { setImmediate as turn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import { createCache } from './layered-cache.ts';
import { memoryTier } from './memory-tier.ts';
import type { CacheOptions } from './options.ts';
import { faultyTier, manualClock } from './testing/index.ts';

const clock = manualClock();
const tier = faultyTier(memoryTier());
const { bus: _, ...busless } = tier;

const open = useCaches({ name: 'expire', ttlMs: 1000, clock, l2: tier }, tier);

const alone = (options: Partial<CacheOptions> = {}) =>
  createCache<string>({ name: 'alone', ttlMs: 1000, clock, ...options });
const broken = (): Promise<string> => Promise.reject(new Error('database is away'));
const kept = { staleIfErrorMs: 5000 };

test('an expired value is served to nobody as fresh, and for as long as allowed when the loader fails', async () => {
  await using cache = alone(kept);
  await cache.set('a', 'old');
  clock.advance(400);
  expect(await cache.expire('a')).toEqual({ acknowledged: true });
  expect(cache.peek('a')).toBeUndefined();
  expect(await cache.get('a')).toBeUndefined();
  expect(cache.entry('a')).toMatchObject({ value: 'old', ageMs: 400, ttlMs: 0 });
  clock.advance(4999);
  expect(await cache.getOrSet('a', broken)).toBe('old');
  clock.advance(1);
  await expect(cache.getOrSet('a', broken)).rejects.toThrow('database is away');
});

test('an expired value is loaded anew, once', async () => {
  await using cache = alone();
  await cache.set('a', 'old');
  await cache.expire('a');
  const load = vi.fn(async () => 'new');
  expect(await Promise.all([cache.getOrSet('a', load), cache.getOrSet('a', load)])).toEqual([
    'new',
    'new',
  ]);
  expect(load).toHaveBeenCalledTimes(1);
  expect(cache.peek('a')).toBe('new');
});

test('staleWhileRevalidateMs: an expired value is served while one load refreshes it', async () => {
  await using cache = alone({ staleWhileRevalidateMs: 500 });
  await cache.set('a', 'old');
  await cache.expire('a');
  clock.advance(499);
  expect(await cache.getOrSet('a', () => 'new')).toBe('old');
  await vi.waitFor(() => expect(cache.peek('a')).toBe('new'));
});

test('a value that is past its ttl already does not become younger, and an absent one is no error', async () => {
  await using cache = alone(kept);
  await cache.set('a', 'old');
  clock.advance(3000);
  await cache.expire('a');
  expect(cache.entry('a')).toMatchObject({ ttlMs: -2000 });
  expect(await cache.expire('b')).toEqual({ acknowledged: true });
});

test('what L2 has past its ttl already does not become younger there', async () => {
  await open(kept).set('a', 'old');
  clock.advance(3000);
  await open(kept).expire('a');
  const later = open(kept);
  expect(await later.getOrSet('a', broken)).toBe('old');
  expect(later.entry('a')).toMatchObject({ ageMs: 3000, ttlMs: -2000 });
});

test('a load that began before is given to its callers and stored nowhere', async () => {
  const [here, there] = [open(kept), open(kept)];
  await here.set('a', 'older');
  clock.advance(1000);
  const row = Promise.withResolvers<string>();
  const old = here.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(here.stats().loads).toBe(1));
  await there.expire('a');
  row.resolve('old');
  expect(await old).toBe('old');
  expect(here.peek('a')).toBeUndefined();
  expect(await open(kept).get('a')).toBeUndefined();
  expect(await there.getOrSet('a', () => 'new')).toBe('new');
  expect(here.stats().fencedWrites).toBe(1);
});

test('without a bus it is the lease in L2 that keeps a load from being stored', async () => {
  const options = { ...kept, l2: busless };
  const [here, there] = [open(options), open(options)];
  const row = Promise.withResolvers<string>();
  const old = here.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(here.stats().loads).toBe(1));
  await there.expire('a');
  row.resolve('old');
  expect(await old).toBe('old');
  expect(here.peek('a')).toBeUndefined();
  expect(await open(options).get('a')).toBeUndefined();
});

test('every process that listens stops serving it, and each may still fall back on it', async () => {
  const [here, there] = [open(kept), open(kept)];
  await here.set('a', 'old');
  await turn();
  expect(await there.get('a')).toBe('old');
  expect(await here.expire('a')).toEqual({ acknowledged: true });
  await turn();
  expect(there.peek('a')).toBeUndefined();
  expect(await there.get('a')).toBeUndefined();
  expect(await there.getOrSet('a', broken)).toBe('old');
  const later = open(kept);
  expect(await later.get('a')).toBeUndefined();
  expect(await later.getOrSet('a', broken)).toBe('old');
  clock.advance(5000);
  await expect(open(kept).getOrSet('a', broken)).rejects.toThrow('database is away');
});

test('L2 never serves it as fresh, also to a host whose clock is behind', async () => {
  const behind = manualClock();
  behind.advance(clock.now());
  behind.setWallBy(clock.wall() - behind.wall() - 5000);
  await open(kept).set('a', 'old');
  await open(kept).expire('a');
  const there = open({ ...kept, clock: behind });
  expect(await there.get('a')).toBeUndefined();
  expect(await there.getOrSet('a', broken)).toBe('old');
  expect(there.entry('a')).toMatchObject({ ttlMs: 0 });
});

test('while L2 is away it waits, and the key is neither read from L2 nor written there', async () => {
  const [here, there] = [open({ ...kept, l2: busless }), open({ ...kept, l2: busless })];
  await here.set('a', 'old');
  tier.fail('patch');
  expect(await here.expire('a')).toEqual({ acknowledged: false });
  expect(here.stats().l2.waitingDeletes).toBe(1);
  expect(await here.get('a')).toBeUndefined();
  expect(await here.getOrSet('a', () => 'new')).toBe('new');
  expect(await there.get('a')).toBe('old');
  tier.heal();
  await vi.waitFor(() => expect(here.stats().l2.waitingDeletes).toBe(0));
  const later = open({ ...kept, l2: busless });
  expect(await later.get('a')).toBeUndefined();
  expect(await later.getOrSet('a', broken)).toBe('old');
});

test('close sends the expiries that wait', async () => {
  const [here, there] = [open(kept), open(kept)];
  await here.set('a', 'old');
  tier.disconnect();
  await here.expire('a');
  tier.heal();
  await here.close();
  expect(await there.get('a')).toBeUndefined();
});

const { patch: __, ...patchless } = tier;

test.each([
  ['a tier that cannot patch', { ...kept, l2: patchless }],
  ['values that are not kept past their ttl', {}],
])('%s: L2 forgets the value, the memories of the processes keep it', async (_why, options) => {
  const [here, there] = [open(options), open(options)];
  await here.set('a', 'old');
  await turn();
  await there.get('a');
  const before = tier.calls.delete;
  expect(await here.expire('a')).toEqual({ acknowledged: true });
  expect(tier.calls.delete - before).toBe(1);
  await turn();
  let previous: string | undefined;
  await there.getOrSet('a', (context) => {
    previous = context.previous?.value;
    return 'new';
  });
  expect(previous).toBe('old');
});

test('a set that is still on its way to L2 does not get there after it', async () => {
  const [here, there] = [open(kept), open(kept)];
  const [set, expired] = [here.set('a', 'value', { tags: ['new tag'] }), here.expire('a')];
  expect(await Promise.all([set, expired])).toEqual([
    { acknowledged: true },
    { acknowledged: true },
  ]);
  expect(here.peek('a')).toBeUndefined();
  expect(await there.get('a')).toBeUndefined();
});

test('refuses after close', async () => {
  const cache = alone();
  await cache.close();
  await expect(cache.expire('a')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
});
