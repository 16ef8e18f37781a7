import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import { memoryTier } from './memory-tier.ts';
import { faultyTier, manualClock } from './testing/index.ts';

const clock = manualClock();
const tier = faultyTier(memoryTier());

const open = useCaches({ name: 'bus', ttlMs: 60_000, clock, l2: tier }, tier);

/** The next read of L2 answers with what it saw only when it is let go. */
function holdRead(): () => void {
  const gate = Promise.withResolvers<void>();
  const read = tier.read;
  tier.read = async (keys) => {
    tier.read = read;
    const found = await read(keys);
    await gate.promise;
    return found;
  };
  return () => gate.resolve();
}

const channel = () => open.prefix();
const broken = (): Promise<string> => Promise.reject(new Error('database is away'));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
test.each([
  ['delete', (cache: ReturnType<typeof open>) => cache.delete('a'), undefined],
  ['set', (cache: ReturnType<typeof open>) => cache.set('a', 'new'), 'new'],
])('a %s in one process is known to the memory of the others', async (_how, change, after) => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  await here.set('b', 'kept');
  expect([await there.get('a'), await there.get('b')]).toEqual(['old', 'kept']);
  await change(here);
  expect(there.peek('a')).toBeUndefined();
  expect(await there.get('a')).toBe(after);
  expect(there.peek('b')).toBe('kept');
  expect(here.peek('a')).toBe(after);
});

test('a message about a key overtakes a read of L2 that is under way', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  const letGo = holdRead();
  const stale = there.get('a');
  await turn();
  await turn();
  await here.set('a', 'new');
  letGo();
  expect(await stale).toBe('old');
  expect(there.peek('a')).toBeUndefined();
  expect(await there.get('a')).toBe('new');
});

test('while messages may be missed, no value is served again before L2 was asked about it', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  await there.get('a');
  tier.cutBus();
  await here.set('a', 'new');
  expect(there.peek('a')).toBeUndefined();
  expect(await there.get('a')).toBe('new');
  expect(there.peek('a')).toBe('new');
  expect(there.stats().l2.busLosses).toBe(1);
});

test('once messages are heard again, what was stored meanwhile is asked about as well', async () => {
  const [here, there] = [open(), open()];
  tier.cutBus();
  await here.set('a', 'old');
  expect(await there.get('a')).toBe('old');
  await here.set('a', 'new');
  expect(await there.get('a')).toBe('old');
  tier.heal();
  expect(await there.get('a')).toBe('new');
});

test('what was read from L2 before messages were heard again is not trusted either', async () => {
  const [here, there] = [open(), open()];
  tier.cutBus();
  await here.set('a', 'old');
  const letGo = holdRead();
  const stale = there.get('a');
  await turn();
  await turn();
  await here.set('a', 'new');
  tier.heal();
  letGo();
  expect(await stale).toBe('old');
  expect(await there.get('a')).toBe('new');
});

test('values are served for a while without messages where that is wanted', async () => {
  const [here, there] = [open(), open({ onBusLoss: { serveForMs: 5000 } })];
  await here.set('a', 'old');
  await there.get('a');
  tier.cutBus();
  await vi.advanceTimersByTimeAsync(4999);
  expect(there.peek('a')).toBe('old');
  await vi.advanceTimersByTimeAsync(1);
  expect(there.peek('a')).toBeUndefined();
});

test('a value that is not trusted still stands in for a loader that fails', async () => {
  const cache = open({ staleIfErrorMs: 60_000 });
  await cache.set('a', 'value');
  tier.cutBus();
  tier.disconnect();
  expect(await cache.getOrSet('a', broken)).toBe('value');
});

test('a message that cannot be understood may concern any key', async () => {
  const cache = open();
  await cache.set('a', 'value');
  for (const text of ['no json', 'null', '{"version":2,"keys":["b"]}', '{"version":1}']) {
    await cache.set('a', 'value');
    expect(cache.peek('a')).toBe('value');
    await tier.bus?.publish(channel(), text);
    await turn();
    expect(cache.peek('a'), text).toBeUndefined();
  }
});

test('other processes are told of a delete again when the telling failed', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  await there.get('a');
  tier.fail('publish');
  expect(await here.delete('a')).toEqual({ acknowledged: false });
  expect(there.peek('a')).toBe('old');
  tier.heal();
  await vi.waitFor(() => expect(there.peek('a')).toBeUndefined());
});

test('a set that nobody could be told of becomes a delete that all are told of', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  await there.get('a');
  tier.fail('publish');
  expect(await here.set('a', 'new')).toEqual({ acknowledged: false });
  tier.heal();
  await vi.waitFor(() => expect(there.peek('a')).toBeUndefined());
  expect(here.peek('a')).toBe('new');
});

test('a closed cache hears nothing', async () => {
  const [here, there] = [open(), open()];
  await there.close();
  await here.set('a', 'value');
  tier.cutBus();
  expect(there.stats().l2.busLosses).toBe(0);
});
