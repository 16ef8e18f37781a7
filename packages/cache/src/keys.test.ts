import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeKey } from './keys.ts';

test.each([
  ['user:1', 'user:1'],
  ['Größe 42 ✓', 'Größe 42 ✓'],
  ['', '%empty'],
  ['{}', '%7b;%7d;'],
  ['100%', '100%25;'],
  ['a\r\nb\0', 'a%d;%a;b%0;'],
  ['\ud800', '%d800;'],
  ['👍', '👍'],
])('writes %j as %j', (key, escaped) => {
  expect(escapeKey(key)).toBe(escaped);
});

test('hashes a key of more than 200 bytes, each to its own name', () => {
  const long = 'é'.repeat(101);
  expect(escapeKey('é'.repeat(100))).toBe('é'.repeat(100));
  expect(escapeKey(long)).toMatch(/^%sha256-[\w-]{43}$/);
  expect(escapeKey(`${long}!`)).not.toBe(escapeKey(long));
});

test('never gives two keys one name, and none that a Redis Cluster or UTF-8 would change', () => {
  const nasty = fc.string({
    unit: fc.constantFrom('%', '{', '}', '7', 'b', ';', '\ud800', '\n', 'é'),
  });
  fc.assert(
    fc.property(nasty, nasty, (one, other) => {
      const name = escapeKey(one);
      expect(name === escapeKey(other)).toBe(one === other);
      expect(name).not.toMatch(/[{}]|^$/);
      expect(Buffer.from(name).toString()).toBe(name);
    }),
  );
});
