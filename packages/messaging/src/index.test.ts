import { expect, test } from 'vitest';

test('the door has exactly these names', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'DriverError',
    'MessageTooLargeError',
    'MessagingClosedError',
    'ProvisionRefusedError',
    'QueueFullError',
    'SchemaError',
    'SendError',
    'UnknownTopicError',
    'decodeMessage',
    'defineTopic',
    'encodeMessage',
    'headerNames',
    'murmur2',
    'partitionForKey',
  ]);
});
