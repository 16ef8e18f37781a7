import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { within } from './deadline.ts';

const late = () => new Error('too late');

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('gives the answer, or its error, and leaves no timer behind', async () => {
  expect(await within(Promise.resolve(1), 10, late)).toBe(1);
  await expect(within(Promise.reject(new Error('no')), 10, late)).rejects.toThrow('no');
  expect(vi.getTimerCount()).toBe(0);
});

test('rejects when the time is over', async () => {
  const failure = expect(within(new Promise(() => undefined), 10, late)).rejects.toThrow(
    'too late',
  );
  await vi.advanceTimersByTimeAsync(11);
  await failure;
});

test('an answer that lay in a socket while the loop was busy counts', async () => {
  const answer = Promise.withResolvers<number>();
  const result = within(answer.promise, 10, late);
  // The timer runs first after a busy loop, then the socket is read, then immediates run.
  setTimeout(() => answer.resolve(1), 10);
  await vi.advanceTimersByTimeAsync(11);
  expect(await result).toBe(1);
});
