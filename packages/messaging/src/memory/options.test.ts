import { expect, test } from 'vitest';
import { memoryBroker } from './broker.ts';
import { memory } from './driver.ts';

test.each([
  [{ latencyMs: -1 }, 'latencyMs must be a number and at least 0, got -1'],
  [{ retention: { records: 0 } }, 'retention.records must be a number and at least 1, got 0'],
  [
    { retention: { bytes: Number.NaN } },
    'retention.bytes must be a number and at least 1, got NaN',
  ],
  [{ retention: { ms: 0 } }, 'retention.ms must be a number and at least 1, got 0'],
])('refuses %j', (options, message) => {
  expect(() => memoryBroker(options)).toThrow(new RangeError(message));
});

test('refuses a broker that is none', () => {
  expect(() => memory({ broker: {} as never })).toThrow('broker must come from memoryBroker()');
});
