import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const longest = 2 ** 31 - 1;

test('a timer of the system waits as long as it should, longer than setTimeout knows', () => {
  const run = vi.fn();
  systemClock.setTimer(run, 2 * longest + 10, false);
  vi.advanceTimersByTime(2 * longest + 9);
  expect(run).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledOnce();
});

test('a long timer can be taken back at any time', () => {
  const run = vi.fn();
  const cancels = [longest, longest + 10].map((ms) => systemClock.setTimer(run, ms, true));
  vi.advanceTimersByTime(longest - 1);
  cancels[0]?.();
  vi.advanceTimersByTime(1);
  cancels[1]?.();
  expect(vi.getTimerCount()).toBe(0);
  expect(run).not.toHaveBeenCalled();
});

test('a timer of the system holds the process only when told so', () => {
  vi.useRealTimers();
  const timers = vi.spyOn(globalThis, 'setTimeout');
  for (const holds of [true, false]) systemClock.setTimer(() => undefined, 1_000, holds)();
  expect(timers.mock.results.map(({ value }) => value.hasRef())).toEqual([true, false]);
});
