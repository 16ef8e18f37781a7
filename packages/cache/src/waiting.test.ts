import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import { memoryTier } from './memory-tier.ts';
import { faultyTier } from './testing/index.ts';

const tier = faultyTier(memoryTier({ timeoutMs: 1000 }));

const open = useCaches({ name: 'waiting', ttlMs: 60_000, l2: tier }, tier);

const broken = (): Promise<string> => Promise.reject(new Error('database is away'));

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await turn();
}

/** One process loads, and another one waits for it; `calls` counts what L2 was asked since. */
async function waiting(load: () => string | Promise<string> = broken) {
  const [here, there] = [open(), open()];
  const row = Promise.withResolvers<string>();
  const loading = here.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(here.stats().loads).toBe(1));
  const value = there.getOrSet('a', load);
  await vi.waitFor(() => expect(there.stats().l2.leaseWaits).toBe(1));
  await settle();
  const before = { ...tier.calls };
  const asked = () => tier.calls.lease - before.lease;
  const told = () => tier.calls.publish - before.publish;
  return { here, there, row, loading, value, asked, told };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
test('who waits for a load of another process is told of its end, and asks once', async () => {
  const { row, loading, value, asked, told } = await waiting();
  await vi.advanceTimersByTimeAsync(300);
  expect(asked()).toBe(0);
  row.resolve('value');
  expect(await Promise.all([loading, value])).toEqual(['value', 'value']);
  // The write of the one, and the question of the other.
  expect([asked(), told()]).toEqual([2, 1]);
});

test('a value that nobody waits for is announced to nobody', async () => {
  const cache = open();
  await cache.getOrSet('a', () => 'value', { tags: ['catalog'] });
  const { publish } = tier.calls;
  await cache.getOrSet('b', () => 'value', { tags: ['catalog'] });
  await cache.getOrSet('c', broken).catch(() => undefined);
  await settle();
  expect(tier.calls.publish).toBe(publish);
});

test('when the loader of another process fails, who waits loads at once', async () => {
  const { row, loading, value } = await waiting(() => 'from there');
  row.reject(new Error('database is away'));
  await expect(loading).rejects.toThrow('database is away');
  expect(await value).toBe('from there');
});

test.each([
  ['deletes', (cache: ReturnType<typeof open>) => cache.delete('a'), 'from there'],
  ['expires', (cache: ReturnType<typeof open>) => cache.expire('a'), 'from there'],
  ['sets', (cache: ReturnType<typeof open>) => cache.set('a', 'set'), 'set'],
])(
  'who waits asks at once when a third process, or its own, %s the key',
  async (_how, change, expected) => {
    for (const isThird of [true, false]) {
      const { there, row, loading, value } = await waiting(() => 'from there');
      await change(isThird ? open() : there);
      expect(await value).toBe(expected);
      row.resolve('old');
      expect(await loading).toBe('old');
      await open().delete('a');
    }
  },
);

test('who waits asks twice a second, in case the message gets lost', async () => {
  const { row, loading, value, asked } = await waiting();
  tier.fail('publish');
  row.resolve('value');
  await loading;
  await settle();
  expect(asked()).toBe(1);
  await vi.advanceTimersByTimeAsync(500);
  expect(await value).toBe('value');
  expect(asked()).toBe(2);
});

test('when nothing is heard any more, who waits asks often', async () => {
  const { row, loading, value, asked } = await waiting();
  tier.cutBus();
  await settle();
  await vi.advanceTimersByTimeAsync(300);
  expect(asked()).toBeGreaterThan(3);
  row.resolve('value');
  await loading;
  await vi.advanceTimersByTimeAsync(100);
  expect(await value).toBe('value');
});

test('news that come before the answer that somebody else loads are not missed', async () => {
  const { here, there } = { here: open(), there: open() };
  const row = Promise.withResolvers<string>();
  const loading = here.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(here.stats().loads).toBe(1));
  const { leases } = tier;
  if (!leases) throw new Error('no leases');
  const { take } = leases;
  leases.take = async (...args) => {
    leases.take = take;
    const answer = await take(...args);
    row.resolve('value');
    await loading;
    await settle();
    return answer;
  };
  expect(await there.getOrSet('a', broken)).toBe('value');
});

test('a load is told as well when it waits for an older one of the same cache', async () => {
  const cache = open();
  const { leases } = tier;
  if (!leases) throw new Error('no leases');
  const { release } = leases;
  const gate = Promise.withResolvers<void>();
  leases.release = async (...args) => {
    leases.release = release;
    await gate.promise;
    return release(...args);
  };
  const leaving = new AbortController();
  const never = () => new Promise<string>(() => undefined);
  const first = cache.getOrSet('a', never, { signal: leaving.signal });
  await vi.waitFor(() => expect(cache.stats().loads).toBe(1));
  leaving.abort('bye');
  await expect(first).rejects.toBe('bye');
  const second = cache.getOrSet('a', () => 'second');
  await vi.waitFor(() => expect(cache.stats().l2.leaseWaits).toBe(1));
  const asked = tier.calls.lease;
  gate.resolve();
  expect(await second).toBe('second');
  // The first gives its lease back, the second asks once more, and writes.
  expect(tier.calls.lease - asked).toBe(3);
});

test('a lease that is given too late for who has asked for it is given back', async () => {
  const [here, there] = [open(), open()];
  await there.get('b');
  await here.get('b');
  const { leases } = tier;
  if (!leases) throw new Error('no leases');
  const { take } = leases;
  const gate = Promise.withResolvers<void>();
  leases.take = async (...args) => {
    leases.take = take;
    await gate.promise;
    return take(...args);
  };
  const late = here.getOrSet('a', () => 'not written');
  await vi.advanceTimersByTimeAsync(1000);
  expect(await late).toBe('not written');
  gate.resolve();
  await settle();
  expect(await there.getOrSet('a', () => 'from there')).toBe('from there');
  expect(there.stats().l2.leaseWaits).toBe(0);
});

test('close lets nobody wait for another process beyond its time, whoever waits for what', async () => {
  const { here, there, row, loading, value, told } = await waiting();
  const anew = there.getOrSet('a', broken, { fresh: true });
  const many = there.getMany(['a', 'b'], async () => new Map([['b', 'many']]));
  const closed = Promise.allSettled([value, anew, many]);
  await settle();
  const closing = there.close({ timeoutMs: 100 });
  await vi.advanceTimersByTimeAsync(100);
  await closing;
  const isClosed = { status: 'rejected', reason: { code: 'ERR_CACHE_CLOSED' } };
  const results = new Map([['b', 'many']]);
  expect(await closed).toMatchObject([
    isClosed,
    isClosed,
    { status: 'rejected', reason: { results } },
  ]);
  row.resolve('value');
  expect(await loading).toBe('value');
  expect(here.peek('a')).toBe('value');
  expect(told()).toBeLessThanOrEqual(1);
});
