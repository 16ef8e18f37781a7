import { memoryTier } from '@shopgpt/cache';
import { tierContract } from '@shopgpt/cache/testing';
import { expect, test } from 'vitest';

tierContract(test, () => memoryTier(), { leases: true, patch: true, bus: true });

test('memoryTier refuses options that make no sense', () => {
  expect(() => memoryTier({ maxEntries: 0 })).toThrow(
    'maxEntries must be a positive integer, got 0',
  );
  expect(() => memoryTier({ timeoutMs: 0.5 })).toThrow('timeoutMs must be a positive integer');
});
