import { validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCacheControl } from './cache-control.ts';
import { cacheHeaders, type EntryFacts } from './cache-headers.ts';

const entry: EntryFacts = {
  ageMs: 30_900,
  ttlMs: 269_100,
  tags: ['catalog', 'store:7'],
  tier: 'l2',
  etag: 'a1b2',
};

test('a public response carries all that a CDN and a browser need', () => {
  const headers = cacheHeaders(entry, {
    isPublic: true,
    browserTtlMs: 20_000,
    staleWhileRevalidateMs: 60_000,
    staleIfErrorMs: 3_600_000,
    name: 'product',
    key: 'p1',
  });
  expect(headers).toEqual({
    'Cache-Control':
      'public, max-age=50, s-maxage=299, stale-while-revalidate=60, stale-if-error=3600',
    'CDN-Cache-Control': 'max-age=299, stale-while-revalidate=60, stale-if-error=3600',
    Age: '30',
    'Cache-Status': 'product; hit; ttl=269; key="p1"; detail="l2"',
    ETag: '"a1b2"',
    'Surrogate-Key': 'catalog store:7',
    'Cache-Tag': 'catalog,store:7',
  });
});

test('unless it is marked public nobody keeps a response, and its tags stay here', () => {
  expect(cacheHeaders(entry)).toEqual({
    'Cache-Control': 'private, no-store',
    'CDN-Cache-Control': 'private, no-store',
    'Cache-Status': 'cache; hit; ttl=269; detail="l2"',
    ETag: '"a1b2"',
  });
});

describe('lifetimes', () => {
  const lives: [ageMs: number, ttlMs: number, browserTtlMs: number, cacheControl: string][] = [
    [0, 300_000, 0, 'public, max-age=0, s-maxage=300'],
    [0, 300_999, 0, 'public, max-age=0, s-maxage=300'],
    [200_000, 100_000, 60_000, 'public, max-age=260, s-maxage=300'],
    [200_000, 30_000, 60_000, 'public, max-age=230, s-maxage=230'],
    [0, 999, 60_000, 'public, max-age=0, s-maxage=0'],
    [310_000, -10_000, 60_000, 'public, max-age=300, s-maxage=300'],
    [310_500, -10_500, 0, 'public, max-age=0, s-maxage=299'],
    [0, -1, 0, 'public, max-age=0, s-maxage=0'],
  ];
  test.each(lives)('of age %i ms and ttl %i ms, for browsers %i ms, are %s', (...life) => {
    const [ageMs, ttlMs, browserTtlMs, expected] = life;
    const facts = { ...entry, ageMs, ttlMs };
    const headers = cacheHeaders(facts, { isPublic: true, browserTtlMs });
    expect(headers['Cache-Control']).toBe(expected);
  });

  test('never leave a cache that subtracts Age more than the rest of the ttl', () => {
    const times = fc.record({
      ageMs: fc.nat(10_000_000),
      ttlMs: fc.integer({ min: -1e7, max: 1e7 }),
    });
    fc.assert(
      fc.property(times, fc.nat(1_000_000), (life, browserTtlMs) => {
        const headers = cacheHeaders({ ...entry, ...life }, { isPublic: true, browserTtlMs });
        const { 'Cache-Control': all, 'CDN-Cache-Control': cdn, Age: age } = headers;
        const left = (field: string | undefined, name: string) =>
          Number(parseCacheControl(field).get(name)) - Number(age);
        const restS = Math.max(0, life.ttlMs / 1000);
        expect(left(all, 's-maxage')).toBeLessThanOrEqual(restS);
        expect(left(cdn, 'max-age')).toBe(left(all, 's-maxage'));
        expect(left(all, 'max-age')).toBeLessThanOrEqual(Math.min(restS, browserTtlMs / 1000));
        if (life.ttlMs >= 1000) expect(left(all, 's-maxage')).toBeGreaterThan(restS - 1);
      }),
    );
  });
});

describe('Cache-Status (RFC 9211)', () => {
  const statuses: [Parameters<typeof cacheHeaders>[1], string][] = [
    [{ name: 'ExampleCache', forwarded: 'miss' }, 'ExampleCache; fwd=miss; stored; ttl=269'],
    [{ forwarded: 'stale' }, 'cache; fwd=stale; stored; ttl=269'],
    [{ name: '1st cache' }, '"1st cache"; hit; ttl=269; detail="l2"'],
    [{ key: 'a"b\\c\r\nü' }, 'cache; hit; ttl=269; key="a\\"b\\\\c%d;%a;%fc;"; detail="l2"'],
  ];
  test.each(statuses)('of %j is %s', (options, expected) => {
    expect(cacheHeaders(entry, options)['Cache-Status']).toBe(expected);
  });

  test('says nothing of a level when this process has loaded the value, and a ttl below zero when it is stale', () => {
    const { 'Cache-Status': status } = cacheHeaders({ ...entry, tier: 'loader', ttlMs: -1500 });
    expect(status).toBe('cache; hit; ttl=-2');
  });
});

describe('tags', () => {
  test('that do not fit make the response one that nobody keeps, as no purge would reach it', () => {
    const tags = ['aaaa', 'bbbb'];
    const fits = cacheHeaders({ ...entry, tags }, { isPublic: true, maxTagBytes: 9 });
    expect(fits['Surrogate-Key']).toBe('aaaa bbbb');
    const tooLong = cacheHeaders({ ...entry, tags }, { isPublic: true, maxTagBytes: 8 });
    expect(tooLong).toEqual({
      'Cache-Control': 'private, no-store',
      'CDN-Cache-Control': 'private, no-store',
      'Cache-Status': 'cache; hit; ttl=269; detail=too-many-tags',
      ETag: '"a1b2"',
    });
  });

  test('are bounded at 4,000 bytes unless it is said otherwise', () => {
    const tags = Array.from({ length: 20 }, (_, i) => `${100 + i}`.padEnd(199, 'x'));
    expect(cacheHeaders({ ...entry, tags }, { isPublic: true })['Cache-Tag']).toHaveLength(3999);
    const more = cacheHeaders({ ...entry, tags: [...tags, 'yy'] }, { isPublic: true });
    expect(more['Cache-Tag']).toBeUndefined();
  });

  test('that are the same are named once, and none makes no header', () => {
    const twice = cacheHeaders({ ...entry, tags: ['a', 'a'] }, { isPublic: true });
    expect(twice['Cache-Tag']).toBe('a');
    const none = cacheHeaders({ ...entry, tags: [] }, { isPublic: true });
    expect(Object.keys(none)).not.toContain('Surrogate-Key');
    expect(Object.keys(none)).not.toContain('Cache-Tag');
  });
});

test('whatever stands in tags, ETag, name and key, a header carries it and nothing is injected', () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom('\r', '\n', '"', '\\', ',', ' ', '\ud800'), fc.string()),
  });
  fc.assert(
    fc.property(fc.array(text), text, text, text, (tags, etag, name, key) => {
      const headers = cacheHeaders({ ...entry, tags, etag }, { isPublic: true, name, key });
      for (const [header, value] of Object.entries(headers)) {
        validateHeaderValue(header, value);
        expect(value).toMatch(/^[\x20-\x7e]*$/);
      }
    }),
  );
});

const bad: [object, string][] = [
  [{ browserTtlMs: -1 }, 'browserTtlMs must be a non-negative integer, got -1'],
  [{ staleIfErrorMs: 1.5 }, 'staleIfErrorMs must be a non-negative integer, got 1.5'],
  [
    { staleWhileRevalidateMs: '1' },
    'staleWhileRevalidateMs must be a non-negative integer, got "1"',
  ],
  [{ maxTagBytes: Number.NaN }, 'maxTagBytes must be a non-negative integer, got NaN'],
];
test.each(bad)('%j is refused: %s', (options, message) => {
  expect(() => cacheHeaders(entry, { isPublic: true, ...options })).toThrow(
    new RangeError(message),
  );
});
