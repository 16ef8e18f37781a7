import { expect, test } from 'vitest';
import { uuidV7 } from './id.ts';

test('is the example of RFC 9562 for the time and the random bits of that example', () => {
  const random = Buffer.from('0cc318c4dc0c0c07398f', 'hex');
  expect(uuidV7(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
});

test('has version and variant whatever is drawn', () => {
  expect(uuidV7(0, Buffer.alloc(10))).toBe('00000000-0000-7000-8000-000000000000');
  expect(uuidV7(2 ** 48 - 1, Buffer.alloc(10, 255))).toBe('ffffffff-ffff-7fff-bfff-ffffffffffff');
});

test('sorts by time, and differs within one millisecond', () => {
  expect(uuidV7(1_000) < uuidV7(1_001)).toBe(true);
  expect(new Set(Array.from({ length: 1_000 }, () => uuidV7(5))).size).toBe(1_000);
});
