import { describe, expect, test } from 'vitest';
import { createBreaker } from './breaker.ts';
import { type BreakerOptions, resolveOptions } from './options.ts';

describe('options', () => {
  const bad: [Record<string, unknown>, string][] = [
    [{ name: '' }, 'name must be a non-empty string, got ""'],
    [{ name: 7 }, 'name must be a non-empty string, got 7'],
    [{ maxRequests: 0 }, 'maxRequests must be a positive integer, got 0'],
    [{ maxRequests: 1.5 }, 'maxRequests must be a positive integer, got 1.5'],
    [{ intervalMs: -1 }, 'intervalMs must be at least 0 ms, got -1'],
    [{ intervalMs: Number.POSITIVE_INFINITY }, 'intervalMs must be at least 0 ms, got Infinity'],
    [{ bucketMs: '10' }, 'bucketMs must be at least 0 ms, got "10"'],
    [{ bucketMs: 0.001 }, 'bucketMs must be at least intervalMs / 10000, got 0.001'],
    [{ openMs: 0 }, 'openMs must be at least 1 ms, got 0'],
    [{ openMs: Number.NaN }, 'openMs must be at least 1 ms, got NaN'],
    [{ slowCallMs: -1 }, 'slowCallMs must be at least 0 ms or Infinity, got -1'],
    [{ maxHalfOpenMs: 0 }, 'maxHalfOpenMs must be at least 1 ms or Infinity, got 0'],
    [{ readyToTrip: true }, 'readyToTrip must be a function, got true'],
    [{ classify: null }, 'classify must be a function, got null'],
    [{ measureLatency: 1 }, 'measureLatency must be one of true, false, got 1'],
    [{ name: Object.create(null) }, 'name must be a non-empty string, got [object Object]'],
    [{ clock: {} }, 'clock.now must be a function, got undefined'],
  ];
  test.each(bad)('refuse %o, naming the field and the value', (options, message) => {
    const refused = expect(() => createBreaker(options as BreakerOptions));
    refused.toThrow(message);
  });

  test('have a default each, which undefined stands for too', () => {
    const { readyToTrip, classify, clock, ...plain } = resolveOptions({
      name: undefined,
    } as unknown as BreakerOptions);
    expect(plain).toEqual({
      name: 'breaker',
      maxRequests: 3,
      intervalMs: 60_000,
      bucketMs: 0,
      openMs: 30_000,
      slowCallMs: Number.POSITIVE_INFINITY,
      measureLatency: false,
      maxHalfOpenMs: 60_000,
    });
    expect(clock.now()).toBeGreaterThan(0);
  });
});
