import { expect, test } from 'vitest';

test('the door has these names and no others', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'BreakerOpenError',
    'BulkheadFullError',
    'CallTimeoutError',
    'DeadlineError',
    'HalfOpenBusyError',
    'createBreaker',
    'createBreakerRegistry',
    'createBulkhead',
    'createFallback',
    'createPolicy',
    'createRetry',
    'createRetryBudget',
    'createTimeout',
  ]);
});
