import { expect, test, vi } from 'vitest';
import { BatchReader } from './batch-reader.ts';
import { tickerOf } from './clock.ts';
import { AWAY, Guard } from './guard.ts';
import { memoryTier } from './memory-tier.ts';
import { manualClock } from './testing/index.ts';

function open(read: (keys: readonly string[]) => Promise<(Uint8Array | undefined)[]>) {
  const tier = { ...memoryTier(), read: vi.fn(read) };
  const reader = new BatchReader(tier, new Guard(tier, tickerOf(manualClock()), 'probe'));
  return { tier, readAll: (keys: string[]) => Promise.all(keys.map((key) => reader.read(key))) };
}

test('asks once for all keys of a turn, and gives each its own answer', async () => {
  const { tier, readAll } = open(async (keys) => keys.map((key) => Buffer.from(key)));
  expect((await readAll(['a', 'b', 'c'])).map(String)).toEqual(['a', 'b', 'c']);
  expect(tier.read).toHaveBeenCalledExactlyOnceWith(['a', 'b', 'c']);
});

test('asks in smaller pieces once it has seen that values are large', async () => {
  const { tier, readAll } = open(async (keys) => keys.map(() => Buffer.alloc(1_000_000)));
  for (let i = 0; i < 8; i += 1) await readAll(['a']);
  tier.read.mockClear();
  await readAll(['a', 'b', 'c']);
  expect(tier.read.mock.calls).toEqual([[['a']], [['b']], [['c']]]);
});

test('answers all that L2 is away when it is', async () => {
  const { readAll } = open(() => Promise.reject(new Error('away')));
  expect(await readAll(['a', 'b'])).toEqual([AWAY, AWAY]);
});
