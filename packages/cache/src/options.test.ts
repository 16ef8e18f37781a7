import { expect, test } from 'vitest';
import { memoryTier } from './memory-tier.ts';
import { type CacheOptions, resolveOptions } from './options.ts';

const least: CacheOptions = { name: 'user', ttlMs: 1000 };

test('fills in the defaults', () => {
  expect(resolveOptions(least)).toMatchObject({
    version: 1,
    staleIfErrorMs: 0,
    maxEntries: 10_000,
    maxBytes: undefined,
    l1TtlMs: undefined,
    staleWhileRevalidateMs: 0,
    refreshAhead: 1,
    negativeTtlMs: 0,
    errorTtlMs: 0,
    jitter: 0,
    leaseMs: 3000,
    onBusLoss: 'revalidate',
    maxValueBytes: 1_048_576,
    freeze: false,
    softMs: undefined,
    hardMs: 30_000,
  });
  expect(resolveOptions({ ...least, l2: memoryTier() }).l1TtlMs).toBe(60_000);
});

test.each<[object, string]>([
  [{ name: '' }, 'name must be letters, digits and ._:- only, got ""'],
  [{ name: 'a{b}' }, 'name must be letters, digits and ._:- only, got "a{b}"'],
  [{ name: undefined }, 'name must be letters, digits and ._:- only, got undefined'],
  [{ ttlMs: 0 }, 'ttlMs must be a positive integer, got 0'],
  [{ ttlMs: '5m' }, 'ttlMs must be a positive integer, got "5m"'],
  [{ ttlMs: Number.POSITIVE_INFINITY }, 'ttlMs must be a positive integer, got Infinity'],
  [{ version: 1.5 }, 'version must be a non-negative integer, got 1.5'],
  [{ staleIfErrorMs: -1 }, 'staleIfErrorMs must be a non-negative integer, got -1'],
  [{ l1: { maxEntries: 0 } }, 'l1.maxEntries must be a positive integer, got 0'],
  [{ l1: { maxEntries: 2 ** 24 } }, 'l1.maxEntries must be at most 16777215, got 16777216'],
  [{ l1: { maxBytes: 0 } }, 'l1.maxBytes must be a positive integer, got 0'],
  [{ l1: { maxBytes: '50MB' } }, 'l1.maxBytes must be a positive integer, got "50MB"'],
  [{ l1: { ttlMs: 0 } }, 'l1.ttlMs must be a positive integer, got 0'],
  [{ staleWhileRevalidateMs: -1 }, 'staleWhileRevalidateMs must be a non-negative integer, got -1'],
  [{ negativeTtlMs: 0.5 }, 'negativeTtlMs must be a non-negative integer, got 0.5'],
  [{ errorTtlMs: -1 }, 'errorTtlMs must be a non-negative integer, got -1'],
  [{ refreshAhead: 0 }, 'refreshAhead must be a number between 0 and 1, got 0'],
  [{ refreshAhead: 1.1 }, 'refreshAhead must be a number between 0 and 1, got 1.1'],
  [{ jitter: 1 }, 'jitter must be a number between 0 and 1, got 1'],
  [{ jitter: '10%' }, 'jitter must be a number between 0 and 1, got "10%"'],
  [{ lease: { ms: 0 } }, 'lease.ms must be a positive integer, got 0'],
  [{ lease: {} }, 'lease.ms must be a positive integer, got undefined'],
  [{ lease: true }, 'lease.ms must be a positive integer, got undefined'],
  [{ lease: null }, 'lease.ms must be a positive integer, got undefined'],
  [{ onBusLoss: 'ignore' }, 'onBusLoss.serveForMs must be a positive integer, got undefined'],
  [{ loadTimeout: { softMs: 0 } }, 'loadTimeout.softMs must be a positive integer, got 0'],
  [{ loadTimeout: { hardMs: 0 } }, 'loadTimeout.hardMs must be a positive integer, got 0'],
  [{ loadTimeout: { hardMs: 2 ** 31 } }, 'loadTimeout.hardMs must be at most 2147483647 ms'],
  [{ maxValueBytes: 0 }, 'maxValueBytes must be a positive integer, got 0'],
  [{ freeze: 'production' }, 'freeze must be a boolean, got "production"'],
  [{ codec: {} }, 'codec must have encode(), got [object Object]'],
  [{ l2: 'redis://' }, 'l2 must have isReady(), got "redis://"'],
  [{ clock: { now: Date.now } }, 'clock must have wall(), got [object Object]'],
])('refuses %j and says why', (wrong, message) => {
  expect(() => resolveOptions({ ...least, ...wrong })).toThrow(message);
});

test('only false switches the lease off', () => {
  expect(resolveOptions({ ...least, lease: false }).leaseMs).toBeUndefined();
  expect(resolveOptions(Object({ ...least, lease: undefined })).leaseMs).toBe(3000);
});
