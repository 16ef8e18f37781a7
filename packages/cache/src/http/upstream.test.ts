import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type UpstreamLife, type UpstreamOptions, upstreamLife, wantsReload } from './upstream.ts';

type Headers_ = Record<string, string>;

const none: UpstreamLife = {
  ttlMs: 0,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  etag: undefined,
  isStorable: false,
};
const fresh = (s: number) => ({ ttlMs: s * 1000, isStorable: true });

const responses: [Headers_, Partial<UpstreamLife>, UpstreamOptions?][] = [
  [{}, none],
  [{}, { ttlMs: 5000, isStorable: true }, { defaultTtlMs: 5000 }],
  [{ 'cache-control': 'max-age=600' }, fresh(600)],
  [{ 'cache-control': 'public, max-age=60, s-maxage=600' }, fresh(600)],
  [{ 'cache-control': 'max-age=600', age: '150' }, fresh(450)],
  [{ 'cache-control': 'max-age=600', age: '150, 3' }, fresh(450)],
  [{ 'cache-control': 'max-age=600', age: 'old' }, fresh(600)],
  [
    { 'cache-control': 'max-age=600', age: '600' },
    { ttlMs: 0, isStorable: false },
  ],
  [{ age: '2' }, fresh(3), { defaultTtlMs: 5000 }],
  [{ 'cache-control': 'max-age=soon' }, { ttlMs: 0, isStorable: false }, { defaultTtlMs: 5000 }],
  [{ 'cache-control': 'max-age=-1' }, { ttlMs: 0, isStorable: false }],
  [{ 'cache-control': 'max-age=99999999999999999999' }, fresh(2 ** 31)],
  [{ 'cache-control': 'private, max-age=60' }, { ttlMs: 60_000, isStorable: false }],
  [{ 'cache-control': 'private="X-User", max-age=60' }, { isStorable: false }],
  [{ 'cache-control': 'no-store' }, { isStorable: false }, { defaultTtlMs: 5000 }],
  [{ 'cache-control': 'no-cache, max-age=60' }, { isStorable: false }],
  [{ 'cache-control': 'max-age=60', 'set-cookie': 'a=b' }, { isStorable: false }],
  [{ 'cache-control': 'max-age=60', vary: 'Accept, *' }, { isStorable: false }],
  [{ 'cache-control': 'max-age=60', vary: 'Accept' }, { isStorable: true }],
  // RFC 5861, 3.1 and 4.1
  [
    { 'cache-control': 'max-age=600, stale-while-revalidate=30' },
    { ...fresh(600), staleWhileRevalidateMs: 30_000 },
  ],
  [
    { 'cache-control': 'max-age=600, stale-if-error=1200' },
    { ...fresh(600), staleIfErrorMs: 1_200_000 },
  ],
  [
    { 'cache-control': 'max-age=600, stale-if-error=1200, must-revalidate' },
    { ...fresh(600), staleIfErrorMs: 0 },
  ],
  [
    { 'cache-control': 'max-age=600, stale-while-revalidate=9, proxy-revalidate' },
    { ...fresh(600), staleWhileRevalidateMs: 0 },
  ],
  [{ etag: 'W/"1"' }, { etag: 'W/"1"', isStorable: false }],
  [{ date: 'Sun, 06 Nov 1994 08:49:37 GMT', expires: 'Sun, 06 Nov 1994 08:50:37 GMT' }, fresh(60)],
  [
    { expires: 'Sun, 06 Nov 1994 08:50:37 GMT' },
    fresh(10),
    { nowMs: Date.UTC(1994, 10, 6, 8, 50, 27) },
  ],
  [
    { expires: '0', date: 'Sun, 06 Nov 1994 08:49:37 GMT' },
    { ttlMs: 0, isStorable: false },
  ],
  // The three forms of a date, RFC 9110, 5.6.7.
  [{ date: 'Sunday, 06-Nov-94 08:49:37 GMT', expires: 'Sun Nov  6 08:50:37 1994' }, fresh(60)],
  [{ expires: 'never' }, { ttlMs: 0, isStorable: false }, { defaultTtlMs: 5000 }],
  [{ 'cache-control': 'max-age=60', expires: 'Sun, 06 Nov 1994 08:50:37 GMT' }, fresh(60)],
];
test.each(responses)('%j allows %j', (headers, expected, options) => {
  expect(upstreamLife(headers, options)).toMatchObject(expected);
  expect(upstreamLife(new Headers(headers), options)).toMatchObject(expected);
});

const requests: [Headers_, boolean][] = [
  [{}, false],
  [{ 'cache-control': 'no-cache' }, true],
  [{ 'cache-control': 'max-age=0' }, true],
  [{ pragma: 'no-cache' }, true],
  [{ 'cache-control': 'max-age=10', pragma: 'no-cache' }, false],
  [{ 'cache-control': 'max-stale=10, min-fresh=5, only-if-cached, no-store' }, false],
];
test.each(requests)('%j asks for a reload: %s', (headers, expected) => {
  expect(wantsReload(headers)).toBe(expected);
});

describe('whatever it is', () => {
  // As Node hands headers over: each byte a character.
  const bytes = fc.uint8Array({ maxLength: 80 }).map((all) => Buffer.from(all).toString('latin1'));
  const names = ['cache-control', 'age', 'expires', 'date', 'etag', 'vary', 'pragma'];
  const headers = fc.dictionary(fc.constantFrom(...names), fc.oneof(bytes, fc.array(bytes)));

  test('reading never throws, and gives times that a cache can use', () => {
    fc.assert(
      fc.property(headers, (given) => {
        const { ttlMs, staleIfErrorMs, staleWhileRevalidateMs, isStorable } = upstreamLife(given);
        for (const ms of [ttlMs, staleIfErrorMs, staleWhileRevalidateMs]) {
          expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true);
        }
        expect(isStorable && ttlMs === 0).toBe(false);
        expect(typeof wantsReload(given)).toBe('boolean');
      }),
    );
  });
});

test('a default that is no time is refused', () => {
  expect(() => upstreamLife({}, { defaultTtlMs: -1 })).toThrow(RangeError);
});
