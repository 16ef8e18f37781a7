import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatEtag, isNotModified, parseIfNoneMatch } from './etag.ts';

const tags: [text: string, etag: string][] = [
  ['xyzzy', '"xyzzy"'],
  ['"xyzzy"', '"xyzzy"'],
  ['W/"xyzzy"', 'W/"xyzzy"'],
  ['', '""'],
  ['a "b"\r\n', '"a%20;%22;b%22;%d;%a;"'],
  ['50%', '"50%25;"'],
  ['ü€', '"%fc;%20ac;"'],
  ['"a" b"', '"%22;a%22;%20;b%22;"'],
];
test.each(tags)('the entity tag of %j is %s', (text, etag) => {
  expect(formatEtag(text)).toBe(etag);
});

const lists: [field: string, tags: '*' | string[]][] = [
  // RFC 9110, 13.1.2
  ['"xyzzy"', ['xyzzy']],
  ['W/"xyzzy"', ['xyzzy']],
  ['"xyzzy", "r2d2xxxx", "c3piozzzz"', ['xyzzy', 'r2d2xxxx', 'c3piozzzz']],
  ['W/"xyzzy", W/"r2d2xxxx", W/"c3piozzzz"', ['xyzzy', 'r2d2xxxx', 'c3piozzzz']],
  ['*', '*'],
  [' * ', '*'],
  [', "a",, "b" ,', ['a', 'b']],
  ['"a,b","c"', ['a,b', 'c']],
  ['""', ['']],
  ['xyzzy', []],
  ['w/"a"', []],
  ['"a" "b"', []],
  ['"a', []],
  ['', []],
];
test.each(lists)('the list %j has %j', (field, expected) => {
  expect(parseIfNoneMatch(field)).toEqual(expected);
});

// RFC 9110, 8.8.3.2, the column of the weak comparison, and lists.
const asked: [ifNoneMatch: string | undefined, etag: string, isNotModified: boolean][] = [
  ['W/"1"', 'W/"1"', true],
  ['W/"1"', 'W/"2"', false],
  ['W/"1"', '"1"', true],
  ['"1"', '"1"', true],
  ['"1"', '1', true],
  ['*', 'anything', true],
  ['"0", W/"1"', '1', true],
  ['"0"', '1', false],
  ['1', '1', false],
  [undefined, '1', false],
];
test.each(asked)('who has %j is told that %s is not modified: %s', (field, etag, expected) => {
  expect(isNotModified({ 'if-none-match': field }, etag)).toBe(expected);
  const headers = new Headers(field === undefined ? {} : { 'If-None-Match': field });
  expect(isNotModified(headers, etag)).toBe(expected);
});

describe('whatever it is', () => {
  const nasty = fc.constantFrom(
    '"',
    '%',
    ';',
    ' ',
    ',',
    '\\',
    '\r',
    '\n',
    '\0',
    'ü',
    '€',
    '\ud800',
  );
  const text = fc.string({ unit: fc.oneof(nasty, fc.string({ maxLength: 1 })) });

  test('an entity tag is found in a list of them, and no other one is taken for it', () => {
    fc.assert(
      fc.property(fc.array(text), text, fc.boolean(), (others, mine, isWeak) => {
        const known = [...others, mine].map(formatEtag);
        const field = known.map((etag) => (isWeak ? `W/${etag}`.replace('W/W/', 'W/') : etag));
        expect(isNotModified({ 'if-none-match': field }, mine)).toBe(true);
        const isAmong = parseIfNoneMatch(formatEtag(mine))[0];
        const without = others.map(formatEtag).join(', ');
        const expected = others.some((other) => parseIfNoneMatch(formatEtag(other))[0] === isAmong);
        expect(isNotModified({ 'if-none-match': without }, mine)).toBe(expected);
      }),
    );
  });

  test('reading never throws', () => {
    fc.assert(
      fc.property(text, text, (field, etag) => {
        expect(typeof isNotModified({ 'if-none-match': field }, etag)).toBe('boolean');
      }),
    );
  });
});
