import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createCache } from './layered-cache.ts';
import { memoryTier } from './memory-tier.ts';
import { faultyTier, manualClock } from './testing/index.ts';

// What the table of the README says where no other test does.

const ttlMs = 600_000;
const l1TtlMs = 60_000;
const clock = manualClock();
const caches: AsyncDisposable[] = [];
let row = 'old';
const load = () => row;

function open(l2 = faultyTier(memoryTier())) {
  const cache = createCache<string>({ name: 'table', ttlMs, l1: { ttlMs: l1TtlMs }, clock, l2 });
  caches.push(cache);
  return { cache, l2 };
}

beforeEach(() => {
  row = 'old';
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(caches.splice(0).map((cache) => cache[Symbol.asyncDispose]()));
});

test('while L2 is away for all, another process asks its loader when its value is as old as the ttl of L1', async () => {
  const { cache: here, l2 } = open();
  const { cache: there } = open(l2);
  l2.disconnect();
  expect(await there.getOrSet('a', load)).toBe('old');
  row = 'new';
  expect(await here.delete('a')).toEqual({ acknowledged: false });
  expect(await here.getOrSet('a', load)).toBe('new');
  clock.advance(l1TtlMs - 1);
  expect(await there.getOrSet('a', load)).toBe('old');
  clock.advance(1);
  expect(await there.getOrSet('a', load)).toBe('new');
});

test('while L2 is away for the writer alone, the others may find the old value there until its delete arrives', async () => {
  const shared = memoryTier();
  const { cache: here, l2 } = open(faultyTier(shared));
  const { cache: there } = open(faultyTier(shared));
  await here.getOrSet('a', load);
  row = 'new';
  l2.disconnect();
  expect(await here.delete('a')).toEqual({ acknowledged: false });
  clock.advance(l1TtlMs);
  expect(await there.getOrSet('a', load)).toBe('old');
  l2.heal();
  await vi.advanceTimersByTimeAsync(250);
  expect(await there.getOrSet('a', load)).toBe('new');
});

test('while L2 is away for the writer alone, the ttl of the old value bounds how long the others find it', async () => {
  const shared = memoryTier();
  const { cache: here, l2 } = open(faultyTier(shared));
  const { cache: there } = open(faultyTier(shared));
  await here.getOrSet('a', load);
  row = 'new';
  l2.disconnect();
  await here.delete('a');
  clock.advance(ttlMs - 1);
  expect(await there.getOrSet('a', load)).toBe('old');
  clock.advance(1);
  expect(await there.getOrSet('a', load)).toBe('new');
});

test('a process that hears no messages asks L2 when a value is as old as the ttl of L1', async () => {
  const shared = memoryTier();
  const { cache: here } = open(faultyTier(shared));
  const { cache: deaf, l2: ears } = open(faultyTier(shared));
  ears.cutBus();
  await here.set('a', 'old');
  expect(await deaf.get('a')).toBe('old');
  await here.set('a', 'new');
  clock.advance(l1TtlMs - 1);
  expect(await deaf.get('a')).toBe('old');
  clock.advance(1);
  expect(await deaf.get('a')).toBe('new');
});

test('a process that hears no messages still loads no key that another one loads', async () => {
  const shared = memoryTier();
  const { cache: here } = open(faultyTier(shared));
  const { cache: deaf, l2: ears } = open(faultyTier(shared));
  ears.cutBus();
  const loaded = Promise.withResolvers<string>();
  const both = [here, deaf].map((cache) => cache.getOrSet('a', () => loaded.promise));
  await vi.waitFor(() => expect(deaf.stats().l2.leaseWaits + here.stats().l2.leaseWaits).toBe(1));
  loaded.resolve('value');
  // Who hears nothing asks again now and then.
  await vi.advanceTimersByTimeAsync(500);
  expect(await Promise.all(both)).toEqual(['value', 'value']);
  expect(here.stats().loads + deaf.stats().loads).toBe(1);
});

test('while L2 is away a process still loads a key once, however many callers wait', async () => {
  const { cache, l2 } = open();
  l2.disconnect();
  const calls = Array.from({ length: 100 }, () => cache.getOrSet('a', async () => row));
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['old']));
  expect(cache.stats().loads).toBe(1);
});

test('a delete before the row changes does not help against a load in between: change, then delete', async () => {
  const { cache } = open();
  await cache.delete('a');
  await cache.getOrSet('a', load);
  row = 'new';
  expect(await cache.getOrSet('a', load)).toBe('old');
  await cache.delete('a');
  expect(await cache.getOrSet('a', load)).toBe('new');
});

test('a loader that gives a value in place of its error has that stored', async () => {
  const { cache } = open();
  expect(await cache.getOrSet('a', () => 'unknown')).toBe('unknown');
  expect(await cache.getOrSet('a', load)).toBe('unknown');
});

test('peek sees a set before its promise resolves', async () => {
  const { cache } = open();
  const setting = cache.set('a', 'value');
  expect(cache.peek('a')).toBe('value');
  await setting;
});
