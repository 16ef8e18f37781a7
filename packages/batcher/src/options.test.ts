import { expect, test } from 'vitest';
import { createBatcher } from './index.ts';
import { resolveOptions } from './options.ts';

const process = (items: readonly string[]) => items;

test('every option has its documented default', () => {
  expect(resolveOptions({ process })).toEqual({
    process,
    name: 'batcher',
    maxSize: 100,
    maxBytes: Number.POSITIVE_INFINITY,
    sizeOf: undefined,
    maxWaitMs: 0,
    concurrency: 4,
    queue: { max: 10_000, whenFull: 'reject' },
    dedupeKey: undefined,
    groupBy: undefined,
    timeoutMs: 30_000,
    maxExtraCalls: 0,
    clock: { now: expect.any(Function), after: expect.any(Function) },
  });
});

test('an option given as undefined has its default', () => {
  const options: object = { maxSize: undefined, queue: { max: undefined }, groupBy: undefined };
  expect(resolveOptions({ process, ...options })).toMatchObject({
    maxSize: 100,
    queue: { max: 10_000 },
  });
});

test.each([
  [{ process: 1 }, 'process must be a function, got 1'],
  [{ name: 7 }, 'name must be a string, got 7'],
  [{ sizeOf: 'x' }, 'sizeOf must be a function, got "x"'],
  [{ dedupeKey: null }, 'dedupeKey must be a function, got null'],
  [{ groupBy: {} }, 'groupBy must be a function, got an instance of Object'],
  [{ maxSize: 0 }, 'maxSize must be a positive integer or Infinity, got 0'],
  [{ maxSize: '5' }, 'maxSize must be a positive integer or Infinity, got "5"'],
  [{ maxBytes: -1, sizeOf: process }, 'maxBytes must be a positive integer or Infinity, got -1'],
  [{ maxBytes: 10 }, 'maxBytes 10 needs sizeOf to measure items with'],
  [{ concurrency: 1.5 }, 'concurrency must be a positive integer or Infinity, got 1.5'],
  [{ queue: { max: Number.NaN } }, 'queue.max must be a positive integer or Infinity, got NaN'],
  [{ queue: { whenFull: 'drop' } }, `queue.whenFull must be 'reject' or 'wait', got "drop"`],
  [{ maxWaitMs: -1 }, 'maxWaitMs must be not negative and at most 2147483647, got -1'],
  [{ maxWaitMs: Number.POSITIVE_INFINITY }, 'maxWaitMs must be not negative'],
  [{ timeoutMs: 0 }, 'timeoutMs must be positive and at most 2147483647, or Infinity, got 0'],
  [{ timeoutMs: 2 ** 31 }, 'timeoutMs must be positive and at most 2147483647'],
  [{ clock: {} }, 'clock.now must be a function, got undefined'],
  [{ clock: { now: () => 0, after: 5 } }, 'clock.after must be a function, got 5'],
  [{ onBatchError: 'bisect' }, `onBatchError must be 'reject' or { bisect: { maxExtraCalls } }`],
  [{ onBatchError: null }, 'onBatchError must be'],
  [{ onBatchError: { bisect: true } }, 'bisecting sends items again, so its cap must be given'],
  [{ onBatchError: { bisect: { maxExtraCalls: 0 } } }, 'onBatchError.bisect.maxExtraCalls must be'],
])('refuses %o and says why', (wrong: object, message) => {
  expect(() => createBatcher({ process, ...wrong })).toThrow(message);
});

test('a wrong type is a TypeError, a wrong number a RangeError', () => {
  const create = (wrong: object) => () => createBatcher({ process, ...wrong });
  expect(create({ process: undefined })).toThrow(TypeError);
  expect(create({ maxSize: 0 })).toThrow(RangeError);
});
