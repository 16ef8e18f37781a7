import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { backoffMs } from './backoff.ts';

const options = { baseMs: 50, maxMs: 1_000 };

describe('backoff', () => {
  test('doubles up to its maximum without jitter', () => {
    const delays = [1, 2, 3, 4, 5, 6, 60].map((retry) =>
      backoffMs({ ...options, jitter: 'none' }, retry, 0),
    );
    expect(delays).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
  });

  test('takes a part of the delay with full jitter', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.25);
    expect(backoffMs({ ...options, jitter: 'full' }, 3, 0)).toBe(50);
  });

  test('takes up to three times the previous delay with decorrelated jitter', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const decorrelated = { ...options, jitter: 'decorrelated' as const };
    expect(backoffMs(decorrelated, 1, 0)).toBe(50);
    expect(backoffMs(decorrelated, 2, 50)).toBe(100);
    expect(backoffMs(decorrelated, 3, 100)).toBe(175);
    expect(backoffMs(decorrelated, 9, 1_000)).toBe(1_000);
  });

  test('is never negative and never above its maximum', () => {
    const delay = fc.nat(100_000);
    const jitter = fc.constantFrom('full' as const, 'decorrelated' as const, 'none' as const);
    fc.assert(
      fc.property(delay, delay, jitter, fc.integer({ min: 1, max: 2_000 }), delay, (...args) => {
        const [baseMs, maxMs, how, retry, previousMs] = args;
        const ms = backoffMs({ baseMs, maxMs, jitter: how }, retry, previousMs);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(maxMs);
      }),
    );
  });
});
