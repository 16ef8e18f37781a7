import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { json } from './codec.ts';
import { compressed } from './compressed.ts';

const codec = compressed(json(), { overBytes: 100 });
const long = { text: 'the same again '.repeat(100) };

test('gives back what it was given, long or short', () => {
  for (const value of [long, { a: 1 }, null, Number.NaN, '']) {
    expect(codec.decode(codec.encode(value, 'k'), 'k')).toStrictEqual(value);
  }
});

test('makes long values shorter and leaves short ones alone', () => {
  expect(codec.encode(long, 'k').length).toBeLessThan(100);
  expect(Buffer.from(codec.encode('short', 'k')).toString()).toBe('\0"short"');
});

test('leaves alone what does not become shorter', () => {
  const noise = Array.from({ length: 20 }, () => crypto.randomUUID()).join('');
  const eager = compressed({ encode: (v) => v as Buffer, decode: (b) => b }, { overBytes: 0 });
  const bytes = zstdCompressSync(Buffer.from(noise));
  expect(eager.encode(bytes, 'k')[0]).toBe(0);
});

test('unpacks no more than 64 MiB, and nothing that it does not know', () => {
  const bomb = Buffer.concat([Uint8Array.of(1), zstdCompressSync(Buffer.alloc(65 * 1024 * 1024))]);
  expect(() => codec.decode(bomb, 'k')).toThrow(/larger than 67108864/);
  expect(() => codec.decode(Uint8Array.of(2, 0), 'k')).toThrow('unknown compression 2');
  expect(() => codec.decode(new Uint8Array(0), 'k')).toThrow('unknown compression undefined');
});

test('refuses a bound that is none', () => {
  expect(() => compressed(json(), { overBytes: -1 })).toThrow(
    'overBytes must be a non-negative integer, got -1',
  );
});
