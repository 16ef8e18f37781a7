import { afterEach, expect, test, vi } from 'vitest';
import { tickerOf } from './clock.ts';
import { manualClock } from './testing/index.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('the time of a hit follows the system by one timer, which stops with its last user', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const [one, other] = [tickerOf(undefined), tickerOf(undefined)];
  const start = one.nowMs;
  vi.advanceTimersByTime(19);
  expect(one.nowMs).toBe(start);
  vi.advanceTimersByTime(1);
  expect(one.nowMs).toBe(start + 20);
  expect(vi.getTimerCount()).toBe(1);
  one.release();
  expect(vi.getTimerCount()).toBe(1);
  other.release();
  expect(vi.getTimerCount()).toBe(0);
});

test('the exact time can be asked for, and hits have it from then on', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
  const ticker = tickerOf(undefined);
  const start = ticker.read();
  vi.setSystemTime(1_000_000);
  vi.advanceTimersByTime(7);
  expect(ticker.read()).toBe(start + 7);
  expect(ticker.nowMs).toBe(start + 7);
  expect(ticker.wall()).toBe(1_000_007);
  ticker.release();
});

test('a given clock is asked each time', () => {
  const clock = manualClock(5);
  const ticker = tickerOf(clock);
  expect([ticker.nowMs, ticker.read()]).toEqual([5, 5]);
  clock.advance(3);
  expect([ticker.nowMs, ticker.read()]).toEqual([8, 8]);
  clock.setWallBy(3_600_000);
  expect(ticker.nowMs).toBe(8);
  expect(ticker.wall()).toBe(clock.wall());
  ticker.release();
});
