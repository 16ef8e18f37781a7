import { describe, expect, test } from 'vitest';
import { createRetryBudget } from './retry-budget.ts';

describe('a retry budget', () => {
  test('has the numbers of the AWS SDKs by default', () => {
    const budget = createRetryBudget();
    expect(budget.tokens).toBe(500);
    budget.spend(false);
    expect(budget.tokens).toBe(495);
    budget.spend(true);
    expect(budget.tokens).toBe(485);
    budget.succeeded();
    expect(budget.tokens).toBe(486);
  });

  test('never holds more than it did at first, and never less than nothing', () => {
    const budget = createRetryBudget({ tokens: 12 });
    budget.succeeded();
    expect(budget.tokens).toBe(12);
    expect([budget.spend(true), budget.spend(false), budget.spend(true)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(budget.tokens).toBe(2);
  });

  test('refuses a negative number, naming it', () => {
    expect(() => createRetryBudget({ retryCost: -1 })).toThrow(
      'retryCost must be a number from 0 on, got -1',
    );
  });
});
