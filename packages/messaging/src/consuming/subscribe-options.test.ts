import { expect, test } from 'vitest';
import { resolveSubscribe, resolveSubscribeBatch } from './subscribe-options.ts';

test('the defaults', () => {
  const common = {
    group: 'g',
    from: 'earliest',
    classify: undefined,
    maxRecords: 2_000,
    maxBytes: 4_194_304,
    maxUncommitted: 10_000,
    timeoutMs: 30_000,
    commitIntervalMs: 1_000,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 60_000,
  };
  expect(resolveSubscribe({ group: 'g' })).toEqual({
    ...common,
    order: 'key',
    concurrency: 16,
    maxSize: 1,
    maxWaitMs: 0,
  });
  expect(resolveSubscribeBatch({ group: 'g' })).toEqual({
    ...common,
    order: 'partition',
    concurrency: 4,
    maxSize: 100,
    maxWaitMs: 100,
  });
});

const bad: [object, string][] = [
  [{ group: '' }, 'group must be a string and not empty, got ""'],
  [{ group: 3 }, 'group must be a string and not empty, got 3'],
  [{ order: 'keys' }, `order must be one of 'key', 'partition', 'none', got "keys"`],
  [{ concurrency: 0 }, 'concurrency must be a positive integer, got 0'],
  [{ timeoutMs: 0 }, 'timeoutMs must be a whole number of ms from 1 to 2147483647, got 0'],
  [{ buffer: { maxRecords: 0.5 } }, 'buffer.maxRecords must be a positive integer, got 0.5'],
  [{ buffer: { maxBytes: -1 } }, 'buffer.maxBytes must be a positive integer, got -1'],
  [{ buffer: { max: 1 } }, 'buffer has no option "max"; it has maxRecords, maxBytes'],
  [{ maxUncommitted: 0 }, 'maxUncommitted must be a positive integer, got 0'],
  [{ commitIntervalMs: 0 }, 'commitIntervalMs must be a whole number of ms from 1'],
  [{ sessionTimeoutMs: 1.5 }, 'sessionTimeoutMs must be a whole number of ms from 1'],
  [{ rebalanceTimeoutMs: -1 }, 'rebalanceTimeoutMs must be a whole number of ms from 1'],
  [{ classify: 'poison' }, 'classify must be a function, got "poison"'],
  [
    { from: 'begin' },
    `from must be 'earliest', 'latest', { timestamp } or { offsets }, got "begin"`,
  ],
  [{ from: {} }, 'from must be'],
  [{ from: null }, 'from must be'],
  [{ from: { timestamp: 'now' } }, 'from.timestamp must be a whole number from 0 up, got "now"'],
  [{ from: { offsets: { 0: -1 } } }, 'from.offsets[0] must be a whole number from 0 up, got -1'],
  [{ from: { offsets: { x: 1 } } }, 'from.offsets must be by partition, got "x"'],
  [{ from: { offsets: {}, timestamp: 1 } }, 'from has no option "offsets"; it has timestamp'],
  [{ from: { offsets: {}, time: 1 } }, 'from has no option "time"; it has offsets'],
  [{ buffer: null }, 'the options of buffer must be an object, got null'],
  [{ maxSize: 10 }, 'subscribe has no option "maxSize"'],
  [{ concurency: 10 }, 'subscribe has no option "concurency"'],
];

test.each(bad)('refuses %j', (options, message) => {
  expect(() => resolveSubscribe({ group: 'g', ...options })).toThrow(message);
});

test.each([
  [{ maxSize: 0 }, 'maxSize must be a positive integer, got 0'],
  [{ maxWaitMs: -1 }, 'maxWaitMs must be a whole number of ms from 0'],
  [{ concurrency: 1.5 }, 'concurrency must be a positive integer, got 1.5'],
  [{ order: 'key' }, 'subscribeBatch has no option "order"'],
])('refuses %j for batches', (options, message) => {
  expect(() => resolveSubscribeBatch({ group: 'g', ...options })).toThrow(message);
});

test('no limit of time is a limit of time', () => {
  expect(resolveSubscribe({ group: 'g', timeoutMs: Infinity }).timeoutMs).toBe(Infinity);
});
