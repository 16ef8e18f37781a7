import { expect, test } from 'vitest';

test('the doors show these names and no others', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'CacheClosedError',
    'CacheError',
    'CacheKeysError',
    'DeleteQueueFullError',
    'LoadTimeoutError',
    'NotCacheableError',
    'TierTimeoutError',
    'TooManyLoadsError',
    'compressed',
    'createCache',
    'encrypted',
    'json',
    'memoryTier',
  ]);
  expect(Object.keys(await import('./redis/index.ts')).sort()).toEqual(['redisTier']);
  expect(Object.keys(await import('./http/index.ts')).sort()).toEqual([
    'cacheHeaders',
    'cached',
    'formatCacheControl',
    'formatEtag',
    'headerTag',
    'isNotModified',
    'parseCacheControl',
    'parseIfNoneMatch',
    'sendEntry',
    'upstreamLife',
    'wantsReload',
  ]);
  expect(Object.keys(await import('./testing/index.ts')).sort()).toEqual([
    'faultyTier',
    'manualClock',
    'tierContract',
  ]);
});
