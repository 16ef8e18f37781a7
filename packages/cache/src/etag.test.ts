import { expect, test } from 'vitest';
import { checkEtag, etagOf, uniqueEtag } from './etag.ts';

test('equal bytes have equal etags, and those of other bytes differ', () => {
  expect(etagOf(Buffer.from('{}'))).toBe('"RBNvo1WzZ4oRRq0W9-hknp"');
  expect(etagOf(Uint8Array.from(Buffer.from('{}')))).toBe(etagOf(Buffer.from('{}')));
  expect(etagOf(Buffer.from('[]'))).not.toBe(etagOf(Buffer.from('{}')));
});

test('no two etags of what has no bytes are alike', () => {
  expect(uniqueEtag()).not.toBe(uniqueEtag());
  expect(() => checkEtag(uniqueEtag())).not.toThrow();
});

test.each(['"abc"', 'W/"abc"', '""', '"ü!#~"', `"${'x'.repeat(1022)}"`])(
  'takes %s for an etag',
  (etag) => {
    expect(() => checkEtag(etag)).not.toThrow();
  },
);

test.each([
  'abc',
  '"abc',
  'w/"abc"',
  '"a"b"',
  '"a b"',
  '"a\u0000"',
  '"\u0100"',
  '"abc"\n',
  `"${'x'.repeat(1023)}"`,
  null,
  undefined,
  7,
])('refuses %s as an etag', (etag) => {
  expect(() => checkEtag(etag)).toThrow(
    `an etag must be like "abc" or W/"abc", quotes included, got ${etag}`,
  );
});
