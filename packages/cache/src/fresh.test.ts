import { setImmediate as turn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import { memoryTier } from './memory-tier.ts';
import { faultyTier, manualClock } from './testing/index.ts';

const clock = manualClock();
const tier = faultyTier(memoryTier({ timeoutMs: 1000 }));

const open = useCaches({ name: 'anew', ttlMs: 1000, clock }, tier);

function slowLoad() {
  const row = Promise.withResolvers<string>();
  const load = vi.fn(() => row.promise);
  const started = () => vi.waitFor(() => expect(load).toHaveBeenCalled());
  return { ...row, load, started };
}

const fresh = true;
const broken = (): Promise<string> => Promise.reject(new Error('database is away'));

const levels = [
  ['memory alone', {}],
  ['an L2', { l2: tier }],
] as const;

test.each(levels)('with %s: goes to the loader past a fresh value, and stores', async (_, more) => {
  const cache = open(more);
  await cache.set('a', 'old');
  expect(await cache.getOrSet('a', () => 'new', { fresh })).toBe('new');
  expect(cache.peek('a')).toBe('new');
  expect(cache.stats().l1).toMatchObject({ hits: 1 });
  if ('l2' in more) expect(await open(more).get('a')).toBe('new');
});

test('shows the loader what another process has stored, and takes it over as nothing else', async () => {
  const [here, there] = [open({ l2: tier }), open({ l2: tier })];
  await here.set('a', 'old');
  await turn();
  let previous: string | undefined;
  const load = (context: { readonly previous: { readonly value: string } | undefined }) => {
    previous = context.previous?.value;
    return 'new';
  };
  expect(await there.getOrSet('a', load, { fresh })).toBe('new');
  expect(previous).toBe('old');
});

test.each(levels)('with %s: callers at once share one load', async (_, more) => {
  const cache = open(more);
  await cache.set('a', 'old');
  const load = vi.fn(async () => 'new');
  const calls = Array.from({ length: 100 }, () => cache.getOrSet('a', load, { fresh }));
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['new']));
  expect(load).toHaveBeenCalledTimes(1);
  expect(cache.stats()).toMatchObject({ loads: 1, sharedFlights: 99 });
});

test.each(levels)(
  'with %s: shares no load whose loader was called before, and that one stores nothing',
  async (_, more) => {
    const cache = open(more);
    const [first, second] = [slowLoad(), slowLoad()];
    const usual = cache.getOrSet('a', first.load);
    await first.started();
    const anew = cache.getOrSet('a', second.load, { fresh });
    await second.started();
    const later = cache.getOrSet('a', () => 'latest', { fresh });
    expect(await later).toBe('latest');
    second.resolve('newer');
    first.resolve('old');
    expect(await Promise.all([usual, anew])).toEqual(['old', 'newer']);
    expect(cache.peek('a')).toBe('latest');
    expect(cache.stats()).toMatchObject({ loads: 3, fencedWrites: 2 });
    if ('l2' in more) expect(await open(more).get('a')).toBe('latest');
  },
);

test('others share a load that is fresh', async () => {
  const cache = open();
  const row = slowLoad();
  const anew = cache.getOrSet('a', row.load, { fresh });
  await row.started();
  const usual = cache.getOrSet('a', broken);
  row.resolve('new');
  expect(await Promise.all([anew, usual])).toEqual(['new', 'new']);
});

test('a load of another process does not do: it is waited for, then the loader is asked', async () => {
  const [here, there] = [open({ l2: tier }), open({ l2: tier })];
  const row = slowLoad();
  const usual = here.getOrSet('a', row.load);
  await row.started();
  const load = vi.fn(() => 'new');
  const anew = there.getOrSet('a', load, { fresh });
  await vi.waitFor(() => expect(there.stats().l2.leaseWaits).toBe(1));
  row.resolve('old');
  expect(await Promise.all([usual, anew])).toEqual(['old', 'new']);
  expect(await open({ l2: tier }).get('a')).toBe('new');
});

test('a usual load that waits for another process is not shared, as it takes over what that one gives', async () => {
  const [here, there] = [open({ l2: tier }), open({ l2: tier })];
  const row = slowLoad();
  const usual = here.getOrSet('a', row.load);
  await row.started();
  const waiting = there.getOrSet('a', broken);
  await vi.waitFor(() => expect(there.stats().l2.leaseWaits).toBe(1));
  const anew = there.getOrSet('a', () => 'new', { fresh });
  await vi.waitFor(() => expect(there.stats().l2.leaseWaits).toBe(2));
  row.resolve('old');
  expect(await Promise.all([usual, anew])).toEqual(['old', 'new']);
  // Whichever of both it meets first in L2.
  expect(['old', 'new']).toContain(await waiting);
  expect(there.peek('a')).toBe('new');
});

test('a usual load that takes the lease too late to store anything leaves it to the other one', async () => {
  const cache = open({ l2: tier });
  const row = slowLoad();
  const usual = cache.getOrSet('a', row.load);
  expect(await cache.getOrSet('a', () => 'new', { fresh })).toBe('new');
  expect(await open({ l2: tier }).get('a')).toBe('new');
  row.resolve('old');
  expect(await usual).toBe('old');
  expect(cache.peek('a')).toBe('new');
});

test('a load that a delete overtakes stores nothing', async () => {
  const cache = open({ l2: tier });
  await cache.set('a', 'old');
  const row = slowLoad();
  const anew = cache.getOrSet('a', row.load, { fresh });
  await row.started();
  await cache.delete('a');
  row.resolve('new');
  expect(await anew).toBe('new');
  expect(cache.peek('a')).toBeUndefined();
  expect(await open({ l2: tier }).get('a')).toBeUndefined();
});

test('a failure is not covered by what is stored, which stays', async () => {
  const cache = open({ staleIfErrorMs: 5000, staleWhileRevalidateMs: 5000 });
  await cache.set('a', 'old');
  await expect(cache.getOrSet('a', broken, { fresh })).rejects.toThrow('database is away');
  expect(cache.peek('a')).toBe('old');
});

test('errorTtlMs: a loader that failed a moment ago is left alone', async () => {
  const cache = open({ errorTtlMs: 100 });
  await expect(cache.getOrSet('a', broken, { fresh })).rejects.toThrow('database is away');
  const load = vi.fn(() => 'new');
  await expect(cache.getOrSet('a', load, { fresh })).rejects.toThrow('database is away');
  clock.advance(100);
  expect(await cache.getOrSet('a', load, { fresh })).toBe('new');
});

test('a look into L2 that sees what was there before does not bring it back', async () => {
  const cache = open({ l2: tier, l1: { ttlMs: 100 } });
  await cache.set('a', 'old');
  const row = slowLoad();
  const anew = cache.getOrSet('a', row.load, { fresh });
  await row.started();
  clock.advance(100);
  const { read } = tier;
  const gate = Promise.withResolvers<void>();
  tier.read = vi.fn(async (keys) => {
    const answer = await read(keys);
    await gate.promise;
    return answer;
  });
  const looking = cache.get('a');
  await vi.waitFor(() => expect(tier.read).toHaveBeenCalled());
  row.resolve('new');
  expect(await anew).toBe('new');
  gate.resolve();
  tier.read = read;
  expect(await looking).toBe('old');
  expect(cache.peek('a')).toBe('new');
});

test('getMany loads all keys anew with one call', async () => {
  const cache = open({ l2: tier });
  await cache.set('a', 'old');
  const load = vi.fn(async (keys: readonly string[]) => new Map(keys.map((key) => [key, 'new'])));
  expect([...(await cache.getMany(['a', 'b'], load, { fresh })).values()]).toEqual(['new', 'new']);
  expect(load).toHaveBeenCalledTimes(1);
  expect(await cache.getMany(['a', 'b'], undefined, { fresh })).toEqual(
    new Map([
      ['a', 'new'],
      ['b', 'new'],
    ]),
  );
});

test('a caller who leaves is let go', async () => {
  const cache = open({ l2: tier });
  await expect(
    cache.getOrSet('a', broken, { fresh, signal: AbortSignal.abort('bye') }),
  ).rejects.toBe('bye');
});
