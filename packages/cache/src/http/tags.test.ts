import fc from 'fast-check';
import { expect, test } from 'vitest';
import { headerTag } from './tags.ts';

const tags: [tag: string, written: string][] = [
  ['catalog', 'catalog'],
  ['store:7/shelf_2.a-b', 'store:7/shelf_2.a-b'],
  ['two words', 'two%20;words'],
  ['a,b', 'a%2c;b'],
  ['100%', '100%25;'],
  ['Zürich', 'Z%fc;rich'],
  ['😀', '%1f600;'],
  ['a\r\nSet-Cookie: b', 'a%d;%a;Set-Cookie:%20;b'],
  ['', '%empty'],
];
test.each(tags)('the tag %j is written %s', (tag, written) => {
  expect(headerTag(tag)).toBe(written);
});

test('a tag of more than 200 bytes is written as its hash', () => {
  expect(headerTag('x'.repeat(200))).toBe('x'.repeat(200));
  expect(headerTag('x'.repeat(201))).toMatch(/^%sha256-[\w-]{43}$/);
});

test('each is visible ASCII without space, comma or quote, and no two become the same', () => {
  const tag = fc.string({
    unit: fc.oneof(fc.constantFrom('%', ';', ' ', '2', 'c', '\ud800'), fc.string()),
  });
  fc.assert(
    fc.property(tag, tag, (one, other) => {
      expect(headerTag(one)).toMatch(/^[^\0-\x20",\\\x7f-\uffff]{1,200}$/);
      expect(headerTag(one) === headerTag(other)).toBe(one === other);
    }),
  );
});
