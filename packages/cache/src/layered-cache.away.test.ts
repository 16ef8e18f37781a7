import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import { memoryTier } from './memory-tier.ts';
import { faultyTier, manualClock } from './testing/index.ts';

const clock = manualClock();
const { bus: _, ...busless } = memoryTier({ timeoutMs: 50 });
const tier = faultyTier(busless);

const open = useCaches({ name: 'test', ttlMs: 10_000, clock, l2: tier }, tier);

/** Beyond the time for which the guard leaves a tier alone. */
const untilProbe = () => clock.advance(1000);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

test('costs nothing while it is not connected, and nobody sees an error', async () => {
  const cache = open();
  tier.disconnect();
  const before = { ...tier.calls };
  expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded');
  expect(await cache.get('b')).toBeUndefined();
  expect(tier.calls).toEqual(before);
  expect(cache.stats().l2).toMatchObject({ failures: 0, skipped: 4 });
});

test('a failing L2 is asked once, then left alone, then probed beside the callers', async () => {
  const cache = open();
  tier.fail();
  const before = tier.calls.read;
  for (const key of ['a', 'b', 'c']) expect(await cache.getOrSet(key, () => key)).toBe(key);
  expect(tier.calls.read - before).toBe(1);
  untilProbe();
  tier.hang();
  tier.fail('write', 'lease');
  expect(await cache.getOrSet('d', () => 'd')).toBe('d');
  expect(tier.calls.read - before).toBe(2);
  tier.heal();
  await vi.waitFor(async () => {
    await cache.set('e', 'e');
    expect(await open().get('e')).toBe('e');
  });
});

test('a hanging L2 costs the first caller its deadline and the next ones nothing', async () => {
  const cache = open();
  tier.hang();
  const first = cache.getOrSet('a', () => 'a');
  await turn();
  await turn();
  vi.advanceTimersByTime(50);
  expect(await first).toBe('a');
  const before = tier.calls.read;
  expect(await cache.getOrSet('b', () => 'b')).toBe('b');
  expect(tier.calls.read).toBe(before);
  expect(cache.stats().l2).toMatchObject({ failures: 1 });
});

test('a write that L2 refuses fails no caller and stops no read', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'value');
  tier.fail('write', 'lease');
  expect(await there.getOrSet('b', () => 'loaded')).toBe('loaded');
  expect(await there.set('b', 'set')).toEqual({ acknowledged: true });
  expect(there.stats().l2.failures).toBe(2);
  expect(await there.get('a')).toBe('value');
});

test('a write that L2 does not answer in time keeps others from asking it', async () => {
  const never = () => new Promise<never>(() => undefined);
  const read = vi.fn(tier.read);
  const cache = open({ l2: { ...busless, timeoutMs: 50, read, delete: never } });
  await cache.get('before');
  read.mockClear();
  const deleted = cache.delete('a');
  await vi.advanceTimersByTimeAsync(50);
  expect(await deleted).toEqual({ acknowledged: false });
  expect(await cache.get('b')).toBeUndefined();
  expect(read).not.toHaveBeenCalled();
});

test('a set is not written while a delete of its key waits', async () => {
  const cache = open();
  await cache.get('a');
  tier.fail('delete');
  expect(await cache.delete('a')).toEqual({ acknowledged: false });
  const before = tier.calls.write;
  expect(await cache.set('a', 'new')).toEqual({ acknowledged: false });
  expect(tier.calls.write).toBe(before);
  expect(cache.peek('a')).toBe('new');
});

test('a delete waits for L2, and its key is neither read from L2 nor written there meanwhile', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  tier.fail('delete');
  expect(await here.delete('a')).toEqual({ acknowledged: false });
  expect(here.stats().l2.waitingDeletes).toBe(1);
  expect(await here.get('a')).toBeUndefined();
  expect(await here.getOrSet('a', () => 'new')).toBe('new');
  expect(await there.get('a')).toBe('old');
  tier.heal();
  await vi.waitFor(() => expect(here.stats().l2.waitingDeletes).toBe(0));
  expect(await open().get('a')).toBeUndefined();
});

test('a delete that failed goes on waiting when an earlier one of the same key is confirmed', async () => {
  const cache = open();
  const { delete: deleteNow } = tier;
  const gate = Promise.withResolvers<void>();
  tier.delete = vi
    .fn(deleteNow)
    .mockImplementationOnce(() => gate.promise)
    .mockImplementationOnce(() => Promise.reject(new Error('no')));
  const [first, second] = [cache.delete('a'), cache.delete('a')];
  expect(await second).toEqual({ acknowledged: false });
  gate.resolve();
  expect(await first).toEqual({ acknowledged: true });
  expect(cache.stats().l2.waitingDeletes).toBe(1);
  tier.delete = deleteNow;
});

test('a set that L2 did not take leaves no older value there', async () => {
  const cache = open();
  await cache.set('a', 'old');
  tier.disconnect();
  expect(await cache.set('a', 'new')).toEqual({ acknowledged: false });
  expect(cache.peek('a')).toBe('new');
  tier.heal();
  await vi.waitFor(() => expect(cache.stats().l2.waitingDeletes).toBe(0));
  expect(await open().get('a')).toBeUndefined();
  expect(await cache.set('a', 'newer')).toEqual({ acknowledged: true });
  expect(await open().get('a')).toBe('newer');
});

test('close sends the deletes that wait', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  tier.disconnect();
  await here.delete('a');
  tier.heal();
  await here.close();
  expect(await there.get('a')).toBeUndefined();
});

test('refuses a delete when 10,000 wait already, after forgetting the value here', async () => {
  const cache = open();
  await cache.set('last', 'value');
  tier.disconnect();
  await Promise.all(Array.from({ length: 10_000 }, (_, i) => cache.delete(`${i}`)));
  await expect(cache.delete('last')).rejects.toMatchObject({
    code: 'ERR_CACHE_DELETE_QUEUE_FULL',
    max: 10_000,
  });
  expect(cache.peek('last')).toBeUndefined();
  expect(await cache.delete('1')).toEqual({ acknowledged: false });
});

test.each([
  ['is acknowledged', [], true],
  ['waits', ['write', 'delete'], false],
] as const)(
  'a set that is overtaken before L2 was told is not written, and answered alike when what came after %s',
  async (_how, failing, acknowledged) => {
    const cache = open();
    await cache.set('a', 'old');
    if (!acknowledged) tier.fail(...failing);
    const before = tier.calls.write;
    const changes = [cache.set('a', 'first'), cache.set('a', 'second'), cache.delete('a')];
    expect(await Promise.all(changes)).toEqual(changes.map(() => ({ acknowledged })));
    expect(tier.calls.write - before).toBe(0);
    expect(cache.peek('a')).toBeUndefined();
    const others = [cache.set('b', 'first'), cache.set('b', 'second')];
    expect(await Promise.all(others)).toEqual(others.map(() => ({ acknowledged })));
    expect(tier.calls.write - before).toBe(1);
    tier.heal();
    await vi.waitFor(() => expect(cache.stats().l2.waitingDeletes).toBe(0));
    expect(await open().get('b')).toBe(acknowledged ? 'second' : undefined);
  },
);

test('a set that a refused delete overtakes is refused like it', async () => {
  const cache = open();
  tier.disconnect();
  await Promise.all(Array.from({ length: 10_000 }, (_, i) => cache.delete(`${i}`)));
  const changes = [cache.set('last', 'value'), cache.delete('last')];
  const codes = (await Promise.allSettled(changes)).map(
    (result) => result.status === 'rejected' && result.reason.code,
  );
  expect(codes).toEqual(['ERR_CACHE_DELETE_QUEUE_FULL', 'ERR_CACHE_DELETE_QUEUE_FULL']);
});
