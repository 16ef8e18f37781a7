import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { tickerOf } from './clock.ts';
import { Deletes } from './deletes.ts';
import { Guard } from './guard.ts';
import { memoryTier } from './memory-tier.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('deletes that wait are not tried again once they were stopped, not even while they are tried', async () => {
  const ticker = tickerOf({ now: () => 0, wall: () => 0 });
  const gate = Promise.withResolvers<void>();
  const forget = vi.fn(async () => {
    if (forget.mock.calls.length > 1) await gate.promise;
    throw new Error('refused');
  });
  const deletes = new Deletes(new Guard(memoryTier({ timeoutMs: 60_000 }), ticker), forget);
  expect(await deletes.delete('a')).toBe(false);
  await vi.advanceTimersByTimeAsync(250);
  expect(forget).toHaveBeenCalledTimes(2);
  deletes.stop();
  gate.resolve();
  await vi.advanceTimersByTimeAsync(5000);
  expect(forget).toHaveBeenCalledTimes(2);
  expect(deletes.size).toBe(1);
});
