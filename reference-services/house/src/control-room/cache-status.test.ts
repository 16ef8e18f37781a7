import { expect, test } from 'vitest';
import { tierOf } from './cache-status.ts';

test.each([
  ['user-service; hit; ttl=4; detail=l1', 'l1'],
  ['user-service; hit; ttl=4; detail=l2', 'l2'],
  ['user-service;hit', 'l1'],
  ['user-service; fwd=stale; ttl=-5; detail=database-away', 'kept'],
  ['user-service; fwd=miss; stored', 'database'],
  ['user-service; fwd=miss', 'database'],
  ['user-service; fwd=miss, cdn; hit', 'database'],
  [null, 'none'],
])('%s was answered by %s', (header, tier) => {
  expect(tierOf(header)).toBe(tier);
});
