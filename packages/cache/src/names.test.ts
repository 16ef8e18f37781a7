import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Names } from './names.ts';
import { EVERYTHING } from './tags.ts';

const any = fc.string({
  unit: fc.constantFrom('a', '%', '{', '}', '#', '~', '\n', '\u2028', '\u2029', '\ud800', 'é'),
});
const names = new Names('product:v1:', () => true);

test('the way back from a name leads to the key or the tag that it was made of', () => {
  fc.assert(
    fc.property(any, fc.constantFrom('', 'x'.repeat(200)), (text, long) => {
      const key = text + long;
      expect(names.meaning(names.ofKey(key))).toEqual({ kind: 'key', key });
    }),
  );
  fc.assert(
    fc.property(any, (tag) => {
      fc.pre(tag !== EVERYTHING);
      expect(names.meaning(names.ofTag(tag))).toEqual({ kind: 'tag', tag });
    }),
  );
  expect(names.meaning(names.ofTag(EVERYTHING))).toEqual({ kind: 'tag', tag: EVERYTHING });
  expect(names.meaning(names.ofTag('x'.repeat(201)))).toEqual({ kind: 'some tag' });
});

test.each(['product:v1:a', 'product:v1:v1:{a}', 'product:v2:{a}', 'other:v1:{a}', '{a}', ''])(
  '%j is no name of this cache',
  (name) => {
    expect(names.meaning(name)).toBeUndefined();
  },
);
