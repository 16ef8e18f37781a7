import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatCacheControl, parseCacheControl } from './cache-control.ts';

const fields: [field: string | undefined, directives: Record<string, string | true>][] = [
  [undefined, {}],
  ['', {}],
  ['max-age=3600', { 'max-age': '3600' }],
  ['Max-Age=3600 , PUBLIC', { 'max-age': '3600', public: true }],
  ['max-age="60"', { 'max-age': '60' }],
  // RFC 9111, 5.2.2.4 and 5.2.3
  ['no-cache="Set-Cookie, Foo", max-age=1', { 'no-cache': 'Set-Cookie, Foo', 'max-age': '1' }],
  ['private, community="UCI"', { private: true, community: 'UCI' }],
  // RFC 9213, 2.2 and RFC 5861, 3.1
  ['max-age=60, stale-while-revalidate=30', { 'max-age': '60', 'stale-while-revalidate': '30' }],
  ['max-age=1, max-age=2', { 'max-age': '1' }],
  [',, max-age=1,;,', { 'max-age': '1' }],
  ['a="x\\"y\\\\", b', { a: 'x"y\\', b: true }],
  ['private="a, max-age=60', { private: '', a: true, 'max-age': '60' }],
  ['max-age= 60', { 'max-age': '' }],
  ['__proto__=1', { ['__proto__']: '1' }],
];

test.each(fields)('%j is read as %j', (field, directives) => {
  expect([...parseCacheControl(field)]).toEqual(Object.entries(directives));
});

describe('whatever it is', () => {
  const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/);
  const value = fc.oneof(fc.constant(true as const), fc.nat().map(String), fc.string());
  const directives = fc.array(fc.tuple(name, value)).map((pairs) => new Map(pairs));

  test('what was written is read back', () => {
    fc.assert(
      fc.property(directives, (given) => {
        expect(parseCacheControl(formatCacheControl(given))).toEqual(given);
      }),
    );
  });

  // As Node hands headers over: each byte a character.
  const bytes = fc.uint8Array({ maxLength: 80 }).map((all) => Buffer.from(all).toString('latin1'));
  test('reading never throws', () => {
    fc.assert(
      fc.property(bytes, (field) => {
        expect(parseCacheControl(field)).toBeInstanceOf(Map);
      }),
    );
  });
});
