import { expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import { memoryTier } from './memory-tier.ts';
import { faultyTier, manualClock } from './testing/index.ts';

// Without a bus, or it would prevent what leases are to prevent.
const { bus: _, ...busless } = memoryTier({ timeoutMs: 1000 });
const tier = faultyTier(busless);

const open = useCaches({ name: 'leases', ttlMs: 60_000, l2: tier }, tier);

function slowLoad() {
  const row = Promise.withResolvers<string>();
  const load = vi.fn(() => row.promise);
  const started = () => vi.waitFor(() => expect(load).toHaveBeenCalled());
  return { ...row, load, started };
}

test('one of all processes loads, the others wait and get its value', async () => {
  const row = slowLoad();
  const fleet = [open(), open(), open(), open()];
  const calls = fleet.map((cache) => cache.getOrSet('a', row.load));
  await row.started();
  await vi.waitFor(() => {
    const waits = fleet.map((cache) => cache.stats().l2.leaseWaits);
    expect(waits.sort()).toEqual([0, 1, 1, 1]);
  });
  row.resolve('value');
  expect(await Promise.all(calls)).toEqual(['value', 'value', 'value', 'value']);
  expect(row.load).toHaveBeenCalledTimes(1);
  for (const cache of fleet) expect(cache.peek('a')).toBe('value');
});

test.each([
  ['deletes', (cache: ReturnType<typeof open>) => cache.delete('a'), undefined],
  ['sets', (cache: ReturnType<typeof open>) => cache.set('a', 'new'), 'new'],
])(
  'a load is written nowhere when another process %s its key meanwhile',
  async (_how, change, after) => {
    const [here, there, third] = [open(), open(), open()];
    const row = slowLoad();
    const old = here.getOrSet('a', row.load);
    await row.started();
    await change(there);
    row.resolve('old');
    expect(await old).toBe('old');
    expect(here.peek('a')).toBeUndefined();
    expect(here.stats().fencedWrites).toBe(1);
    expect(await third.get('a')).toBe(after);
  },
);

test('without leases the same load overwrites the delete: this is what they prevent', async () => {
  const [here, there, third] = [open({ lease: false }), open(), open()];
  const row = slowLoad();
  const old = here.getOrSet('a', row.load);
  await row.started();
  await there.delete('a');
  row.resolve('old');
  await old;
  expect(await third.get('a')).toBe('old');
});

test('a loader that fails lets the next process load at once', async () => {
  const [here, there] = [open(), open()];
  const row = slowLoad();
  const failing = here.getOrSet('a', row.load);
  await row.started();
  const waiting = there.getOrSet('a', () => 'from there');
  row.reject(new Error('database is away'));
  await expect(failing).rejects.toThrow('database is away');
  expect(await waiting).toBe('from there');
  expect(await open().get('a')).toBe('from there');
});

test.each([
  ['is not to be stored', 'skip' as const, 'value'],
  ['does not exist', 'absent' as const, undefined],
  ['cannot be carried', 'refused' as const, 1n],
])('a value that %s gives the lease back', async (_why, _how, value) => {
  const [here, there] = [open(), open()];
  await here
    .getOrSet('a', ({ skip }) => {
      if (value === 'value') skip();
      return value as string;
    })
    .catch(() => undefined);
  expect(await there.getOrSet('a', () => 'from there')).toBe('from there');
  expect(there.stats().l2.leaseWaits).toBe(0);
});

test('a lease outlives a process that died by its time, then another one loads', async () => {
  const there = open({ lease: { ms: 10_000 } });
  const take = tier.leases?.take(`${open.prefix()}{a}`, 'of a dead process', 60, undefined);
  expect(await take).toBe('taken');
  expect(await there.getOrSet('a', () => 'from there')).toBe('from there');
  expect(there.stats().l2.leaseWaits).toBe(1);
  expect(await open().get('a')).toBe('from there');
});

test('who has waited for as long as a lease lasts loads for itself and writes nothing to L2', async () => {
  const [here, there] = [open({ lease: { ms: 500 } }), open({ lease: { ms: 500 } })];
  const row = slowLoad();
  const long = here.getOrSet('a', row.load);
  await row.started();
  // `here` lives and renews its lease.
  expect(await there.getOrSet('a', () => 'impatient')).toBe('impatient');
  expect(await open().get('a')).toBeUndefined();
  row.resolve('value');
  expect(await long).toBe('value');
  expect(await open().get('a')).toBe('value');
});

test('a value past its ttl that L2 keeps for failing loaders does not keep anyone from loading', async () => {
  const clock = manualClock();
  const options = { ttlMs: 1000, staleIfErrorMs: 60_000, clock };
  const [here, there] = [open(options), open(options)];
  await here.set('a', 'old');
  clock.advance(1000);
  const row = slowLoad();
  const calls = [here, there].map((cache) => cache.getOrSet('a', row.load));
  await row.started();
  row.resolve('new');
  expect(await Promise.all(calls)).toEqual(['new', 'new']);
  expect(row.load).toHaveBeenCalledTimes(1);
});

test('a caller who leaves while another process loads is let go, and nothing is loaded for him', async () => {
  const [here, there] = [open(), open()];
  const row = slowLoad();
  const loading = here.getOrSet('a', row.load);
  await row.started();
  const controller = new AbortController();
  const load = vi.fn(() => 'from there');
  const waiting = there.getOrSet('a', load, { signal: controller.signal });
  await vi.waitFor(() => expect(there.stats().l2.leaseWaits).toBe(1));
  controller.abort('bye');
  await expect(waiting).rejects.toBe('bye');
  row.resolve('value');
  await loading;
  expect(load).not.toHaveBeenCalled();
});

test('a load during which L2 went away is kept in memory', async () => {
  const cache = open();
  const row = slowLoad();
  const call = cache.getOrSet('a', row.load);
  await row.started();
  tier.disconnect();
  row.resolve('value');
  expect(await call).toBe('value');
  expect(cache.peek('a')).toBe('value');
});

test('what was loaded while L2 was away is not written when it is back: nobody knows what was deleted', async () => {
  const cache = open();
  tier.disconnect();
  const row = slowLoad();
  const call = cache.getOrSet('a', row.load);
  await row.started();
  tier.heal();
  row.resolve('value');
  expect(await call).toBe('value');
  expect(await open().get('a')).toBeUndefined();
});
