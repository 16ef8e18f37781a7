import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { murmur2, partitionForKey } from './murmur2.ts';

interface Vector {
  readonly keyHex: string;
  readonly murmur2: number;
  readonly partition: Readonly<Record<string, number>>;
}

const file = new URL('../../test/conformance/murmur2-vectors.json', import.meta.url);
const vectors: readonly Vector[] = JSON.parse(readFileSync(file, 'utf8'));

describe('as in the Java client', () => {
  test('there are vectors', () => {
    expect(vectors.length).toBe(87);
  });

  test.each(vectors)('the hash and the partitions of key "$keyHex"', (vector) => {
    const key = Buffer.from(vector.keyHex, 'hex');
    expect(murmur2(key)).toBe(vector.murmur2);
    for (const [partitions, partition] of Object.entries(vector.partition)) {
      expect(partitionForKey(key, Number(partitions))).toBe(partition);
    }
  });
});

test('a text is hashed as UTF-8, in whatever kind of bytes', () => {
  const bytes = new TextEncoder().encode('ключ-日本-🚀');
  expect(partitionForKey('ключ-日本-🚀', 100)).toBe(partitionForKey(bytes, 100));
});

test.each([0, -1, 1.5, Number.NaN])('there is no partition among %s', (partitions) => {
  expect(() => partitionForKey('key', partitions)).toThrow(
    new RangeError(`partitions must be a positive integer, got ${partitions}`),
  );
});

test.each([undefined, null, 5, {}, [1, 2], new ArrayBuffer(2)])('no key is %s', (key) => {
  const partition = (...args: unknown[]) => Reflect.apply(partitionForKey, undefined, args);
  expect(() => partition(key, 3)).toThrow('key must be text or bytes, got');
});

test('a hash is of bytes, and not of a text by mistake', () => {
  const hash = (...args: unknown[]) => Reflect.apply(murmur2, undefined, args);
  expect(() => hash('key')).toThrow(new TypeError('bytes must be a Uint8Array, got "key"'));
});
