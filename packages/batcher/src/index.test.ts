import { expect, test } from 'vitest';

test('the package exports exactly these names', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'BatchTimeoutError',
    'BatcherClosedError',
    'ItemTooLargeError',
    'QueueFullError',
    'ResultMissingError',
    'ResultShapeError',
    'createBatcher',
    'settled',
  ]);
  expect(Object.keys(await import('./testing/index.ts')).sort()).toEqual([
    'manualClock',
    'scriptedBackend',
  ]);
  expect(Object.keys(await import('./dataloader/index.ts')).sort()).toEqual(['DataLoader']);
});
