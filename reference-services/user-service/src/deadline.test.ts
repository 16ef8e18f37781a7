import { beforeEach, expect, test, vi } from 'vitest';
import { DeadlineError, within } from './deadline.ts';

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

test('settles as the work does when that is in time, and leaves no timer', async () => {
  expect(await within(Promise.resolve(5), 100)).toBe(5);
  await expect(within(Promise.reject(new Error('no')), 100)).rejects.toThrow('no');
  expect(vi.getTimerCount()).toBe(0);
});

test('rejects when the time is over', async () => {
  const late = within(new Promise(() => undefined), 100);
  const outcome = expect(late).rejects.toThrow(new DeadlineError(100));
  await vi.advanceTimersByTimeAsync(100);
  await outcome;
});

test('a failure that comes too late is nobody’s unhandled rejection', async () => {
  const work = Promise.withResolvers<never>();
  const outcome = expect(within(work.promise, 100)).rejects.toThrow(DeadlineError);
  await vi.advanceTimersByTimeAsync(100);
  await outcome;
  work.reject(new Error('late'));
  await vi.advanceTimersByTimeAsync(1);
});
