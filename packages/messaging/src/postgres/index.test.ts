import { expect, test } from 'vitest';

test('the door has exactly these names', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'PooledConnectionError',
    'inbox',
    'inboxSchema',
    'outbox',
    'outboxSchema',
    'relay',
  ]);
});
