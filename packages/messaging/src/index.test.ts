import { expect, test } from 'vitest';

test('the door has exactly these names', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'DriverError',
    'FatalError',
    'HandlerTimeoutError',
    'MessageTooLargeError',
    'MessagingClosedError',
    'PartitionLostError',
    'PoisonError',
    'ProvisionRefusedError',
    'QueueFullError',
    'RetryableError',
    'SchemaError',
    'SendError',
    'UnknownTopicError',
    'createMessaging',
    'decodeMessage',
    'defineTopic',
    'encodeMessage',
    'headerNames',
    'murmur2',
    'partitionForKey',
  ]);
});
