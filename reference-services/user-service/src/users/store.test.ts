import type { CacheEntry } from '@shopgpt/cache';
import { expect, test } from 'vitest';
import {
  DatabaseBusyError,
  DatabaseUnavailableError,
  OutcomeUnknownError,
} from '../database/errors.ts';
import type { User } from './model.ts';
import { reportOf, userDatabaseBreaker } from './store.ts';

const at = '2026-01-01T00:00:00.000Z';
const ann: User = {
  id: 'a',
  email: 'a@b.c',
  name: 'Ann',
  version: 1,
  createdAt: at,
  updatedAt: at,
};

function entry(change: Partial<CacheEntry<User>> = {}): CacheEntry<User> {
  return { value: ann, ageMs: 10, ttlMs: 50, tags: [], etag: '"1"', tier: 'loader', ...change };
}

const known = entry();
const stale = { kind: 'stale', ageMs: 10, why: 'database-away' };

test.each([
  ['we loaded it', 'loaded', undefined, known, { kind: 'miss', stored: true, collapsed: false }],
  [
    'we found nobody',
    'loaded',
    undefined,
    undefined,
    { kind: 'miss', stored: false, collapsed: false },
  ],
  ['it was here', undefined, known, known, { kind: 'hit', ageMs: 10, ttlMs: 50, tier: 'l1' }],
  [
    'it was in L2',
    undefined,
    undefined,
    entry({ tier: 'l2' }),
    { kind: 'hit', ageMs: 10, ttlMs: 50, tier: 'l2' },
  ],
  [
    'it was here, from L2',
    undefined,
    entry({ tier: 'l2' }),
    entry({ tier: 'l2' }),
    { kind: 'hit', ageMs: 10, ttlMs: 50, tier: 'l1' },
  ],
  [
    'another value of L2 replaced ours',
    undefined,
    known,
    entry({ tier: 'l2', value: { ...ann } }),
    { kind: 'hit', ageMs: 10, ttlMs: 50, tier: 'l2' },
  ],
  [
    'somebody else loaded it',
    undefined,
    undefined,
    known,
    { kind: 'miss', stored: true, collapsed: true },
  ],
  [
    'somebody else found nobody',
    undefined,
    undefined,
    undefined,
    { kind: 'miss', stored: false, collapsed: true },
  ],
  ['our load failed', 'failed', known, known, { ...stale, ttlMs: 50 }],
  [
    'somebody else’s load failed',
    undefined,
    entry({ ttlMs: -5 }),
    entry({ ttlMs: -5 }),
    { ...stale, ttlMs: -5 },
  ],
] as const)('when %s, it says so', (_, ended, before, after, report) => {
  expect(reportOf(ended, before, after)).toEqual(report);
});

test.each([
  [new DatabaseUnavailableError('away'), 'open'],
  [new OutcomeUnknownError('lost'), 'open'],
  [new DatabaseBusyError(200), 'closed'],
  [new Error('a statement that the server refused'), 'closed'],
])('after five times "%s" the breaker is %s', async (error, state) => {
  const breaker = userDatabaseBreaker();
  for (let call = 0; call < 5; call += 1) {
    expect(breaker.state).toBe('closed');
    await breaker.execute(() => Promise.reject(error)).catch(() => undefined);
  }
  expect(breaker.state).toBe(state);
});
