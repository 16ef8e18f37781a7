import { setImmediate as turn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import { memoryTier } from './memory-tier.ts';
import { manualClock } from './testing/index.ts';

const clock = manualClock();
const tier = memoryTier();
const { bus: _, ...busless } = tier;

/** With its quotes, a text may have 98 characters. */
const open = useCaches({ name: 'large', ttlMs: 1000, clock, l2: tier, maxValueBytes: 100 });

const largest = 'x'.repeat(98);
const large = 'x'.repeat(99);

test('a value of as many bytes as allowed is written to L2', async () => {
  const [here, there] = [open(), open()];
  await here.getOrSet('a', () => largest);
  expect(await there.get('a')).toBe(largest);
  expect(here.stats().l2.tooLarge).toBe(0);
});

test('a loaded value of more is given to the callers, kept in memory and counted', async () => {
  const [here, there] = [open(), open()];
  const load = vi.fn(() => large);
  expect(await Promise.all([here.getOrSet('a', load), here.getOrSet('a', load)])).toEqual([
    large,
    large,
  ]);
  expect(here.peek('a')).toBe(large);
  expect(here.stats()).toMatchObject({ loads: 1, fencedWrites: 0, l2: { tooLarge: 1 } });
  const name = `${open.prefix()}{a}`;
  await vi.waitFor(async () => expect(await tier.read([name])).toEqual([undefined]));
  expect(await there.getOrSet('a', load)).toBe(large);
  expect(load).toHaveBeenCalledTimes(2);
  expect(there.stats().l2.foreign).toBe(0);
});

test.each([
  ['with', {}],
  ['without', { lease: false as const }],
])('%s leases: what was in L2 before it is not read after it', async (_how, lease) => {
  const [here, there] = [open(lease), open(lease)];
  await here.set('a', 'old');
  await turn();
  expect(await here.getOrSet('a', () => large, { fresh: true })).toBe(large);
  expect(here.peek('a')).toBe(large);
  expect(await there.get('a')).toBeUndefined();
});

test('a loaded value of more is kept nowhere when its lease has ended meanwhile', async () => {
  const [here, there] = [open({ l2: busless }), open({ l2: busless })];
  const row = Promise.withResolvers<string>();
  const loading = here.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(here.stats().loads).toBe(1));
  await there.delete('a');
  row.resolve(large);
  expect(await loading).toBe(large);
  expect(here.peek('a')).toBeUndefined();
  expect(here.stats().fencedWrites).toBe(1);
});

test('a load that was overtaken is kept nowhere, however large its value', async () => {
  const [here, there] = [open({ l2: busless }), open({ l2: busless })];
  const row = Promise.withResolvers<string>();
  const loading = here.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(here.stats().loads).toBe(1));
  await there.set('a', 'new');
  row.resolve(large);
  expect(await loading).toBe(large);
  expect(here.peek('a')).toBeUndefined();
  expect(await here.get('a')).toBe('new');
});

test('set: the value is kept here, and every other process forgets the one before it', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  await turn();
  expect(await there.get('a')).toBe('old');
  expect(await here.set('a', large)).toEqual({ acknowledged: true });
  await turn();
  expect(here.peek('a')).toBe(large);
  expect(there.peek('a')).toBeUndefined();
  expect(await there.get('a')).toBeUndefined();
  expect(here.stats().l2.tooLarge).toBe(1);
});

test('counts the bytes that go to L2 and come from there', async () => {
  const [setter, loader, reader] = [open(), open(), open()];
  await setter.set('a', 'x'.repeat(50));
  await turn();
  await loader.getOrSet('b', () => 'x'.repeat(50));
  await reader.getMany(['a', 'b']);
  const { bytesWritten } = setter.stats().l2;
  expect(bytesWritten).toBeGreaterThan(50 + 38);
  expect(loader.stats().l2).toMatchObject({ bytesWritten, bytesRead: 0 });
  expect(reader.stats().l2).toMatchObject({ bytesWritten: 0, bytesRead: 2 * bytesWritten });
});

test('counts the bytes that come from the load of another process', async () => {
  const [here, there] = [open({ l2: busless }), open({ l2: busless })];
  const row = Promise.withResolvers<string>();
  const loading = here.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(here.stats().loads).toBe(1));
  const waiting = there.getOrSet('a', () => 'other');
  await vi.waitFor(() => expect(there.stats().l2.leaseWaits).toBe(1));
  row.resolve('value');
  expect(await Promise.all([loading, waiting])).toEqual(['value', 'value']);
  expect(there.stats().l2.bytesRead).toBe(here.stats().l2.bytesWritten);
});
