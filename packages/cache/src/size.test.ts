import { expect, test } from 'vitest';
import { estimateBytes } from './size.ts';

const circle: { self?: object } = {};
circle.self = circle;
const shared = { text: 'x'.repeat(1000) };
const throws = Object.defineProperty({}, 'now', {
  enumerable: true,
  get() {
    throw new Error('not now');
  },
});

test.each([
  ['null', null, 0],
  ['true', true, 0],
  ['an integer', 7, 0],
  ['a fraction', 0.5, 8],
  ['text', 'abcd', 16 + 8],
  ['a bigint', 2n ** 128n - 1n, 16 + 16],
  ['an empty object', {}, 32],
  ['a property', { ab: 'cd' }, 32 + 8 + 20 + 8 + 20],
  ['elements', [1, 0.5, 'a'], 32 + 3 * 8 + 8 + 18],
  ['objects inside', { a: [{}] }, 32 + 8 + 18 + 8 + 32 + 8 + 32],
  ['bytes', Buffer.alloc(1000), 96 + 1000],
  ['an ArrayBuffer', new ArrayBuffer(50), 96 + 50],
  ['a Map', new Map([['a', 'b']]), 32 + 3 * 8 + 2 * 18],
  ['a Set', new Set(['a']), 32 + 3 * 8 + 18],
  ['a Date', new Date(0), 32],
  ['what is there twice', [shared, shared], 32 + 2 * 8 + 32 + 8 + 24 + 8 + 2016],
  ['an object that contains itself', circle, 32 + 8 + 24 + 8],
  ['a getter that throws', throws, 32 + 8 + 22],
])('estimates %s', (_what, value, bytes) => {
  expect(estimateBytes(value, Number.POSITIVE_INFINITY)).toBe(bytes);
});

test('stops counting beyond its limit', () => {
  const many = Array.from({ length: 10 }, () => ({ text: 'x'.repeat(100) }));
  expect(estimateBytes(many, 300)).toBeLessThan(estimateBytes(many, 10_000));
  expect(estimateBytes(many, 300)).toBeGreaterThan(300);
});
