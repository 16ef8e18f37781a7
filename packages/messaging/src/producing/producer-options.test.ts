import { expect, test } from 'vitest';
import { resolveProducerOptions } from './producer-options.ts';

test('every option has its default', () => {
  expect(resolveProducerOptions()).toEqual({
    lingerMs: 0,
    maxBatchBytes: 900_000,
    compression: 'none',
    deliveryTimeoutMs: 120_000,
    queue: { max: 100_000, maxBytes: 67_108_864, whenFull: 'reject' },
  });
});

test('what is given is kept', () => {
  const queue = { max: 1, maxBytes: 5, whenFull: 'wait' } as const;
  const given = {
    lingerMs: 5,
    maxBatchBytes: 5,
    compression: 'zstd',
    deliveryTimeoutMs: 1,
  } as const;
  expect(resolveProducerOptions({ ...given, queue })).toEqual({ ...given, queue });
});

test.each([
  [{ lingerMs: -1 }, 'producer.lingerMs must be a whole number of ms from 0 to 2147483647, got -1'],
  [{ deliveryTimeoutMs: 0 }, 'producer.deliveryTimeoutMs must be a whole number of ms from 1'],
  [{ deliveryTimeoutMs: 2 ** 31 }, 'producer.deliveryTimeoutMs must be'],
  [{ maxBatchBytes: 0 }, 'producer.maxBatchBytes must be a positive integer, got 0'],
  [{ compression: Object('brotli') }, "must be one of 'none', 'gzip', 'snappy', 'lz4', 'zstd'"],
  [{ queue: { max: 0 } }, 'producer.queue.max must be a positive integer, got 0'],
  [{ queue: { maxBytes: 1.5 } }, 'producer.queue.maxBytes must be a positive integer, got 1.5'],
  [
    { queue: { maxBytes: 5 } },
    'producer.queue.maxBytes must be at least maxBatchBytes 900000, got 5',
  ],
  [
    { queue: { whenFull: Object('drop') } },
    "producer.queue.whenFull must be one of 'reject', 'wait'",
  ],
  [Object([]), 'the options of producer must be an object, got an array'],
  [{ queue: Object([]) }, 'the options of producer.queue must be an object, got an array'],
  [Object({ retries: 5 }), 'producer has no option "retries"'],
  [{ queue: Object({ size: 5 }) }, 'producer.queue has no option "size"'],
])('%j is refused with its name and value', (options, message) => {
  expect(() => resolveProducerOptions(options)).toThrow(message);
});
