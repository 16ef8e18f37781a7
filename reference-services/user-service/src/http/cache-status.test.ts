import { expect, test } from 'vitest';
import { cacheHeaders } from './cache-status.ts';

test.each([
  [
    { kind: 'hit', ageMs: 12_900, ttlMs: 47_100, tier: 'l1' } as const,
    { age: '12', 'cache-status': 'user-service; hit; ttl=47; detail=l1' },
  ],
  [
    { kind: 'miss', stored: true, collapsed: false } as const,
    { 'cache-status': 'user-service; fwd=miss; stored' },
  ],
  [
    { kind: 'miss', stored: true, collapsed: true } as const,
    { 'cache-status': 'user-service; fwd=miss; stored; collapsed' },
  ],
  [
    { kind: 'miss', stored: false, collapsed: false } as const,
    { 'cache-status': 'user-service; fwd=miss' },
  ],
  [
    { kind: 'stale', ageMs: 90_000, ttlMs: -30_000, why: 'database-away' } as const,
    { age: '90', 'cache-status': 'user-service; fwd=stale; ttl=-30; detail=database-away' },
  ],
])('%o is told as RFC 9211 has it', (report, headers) => {
  expect(cacheHeaders(report)).toEqual(headers);
});
