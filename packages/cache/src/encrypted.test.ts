import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { json } from './codec.ts';
import { compressed } from './compressed.ts';
import { encrypted, type Keyring } from './encrypted.ts';
import { createCache } from './layered-cache.ts';
import { memoryTier } from './memory-tier.ts';

const keys = { old: randomBytes(32), new: randomBytes(32) };
const ring: Keyring = { current: 'new', keys };
const codec = encrypted(json(), ring);
const secret = { name: 'Ada Lovelace' };

test('gives back what it was given, and shows none of it', () => {
  const bytes = codec.encode(secret, 'k');
  expect(codec.decode(bytes, 'k')).toEqual(secret);
  expect(Buffer.from(bytes).includes('Ada')).toBe(false);
  expect(codec.encode(secret, 'k')).not.toEqual(bytes);
});

test('reads what an older key has written, and writes with the current one', () => {
  const before = encrypted(json(), { current: 'old', keys: { old: keys.old } });
  expect(codec.decode(before.encode(secret, 'k'), 'k')).toEqual(secret);
  expect(() => before.decode(codec.encode(secret, 'k'), 'k')).toThrow('no key "new"');
});

test('refuses bytes that were changed anywhere, cut off, or moved to another key', () => {
  const bytes = Buffer.from(codec.encode(secret, 'k'));
  for (let i = 0; i < bytes.length; i += 1) {
    const changed = Buffer.from(bytes);
    changed[i] = (changed[i] ?? 0) ^ 1;
    expect(() => codec.decode(changed, 'k'), `byte ${i}`).toThrow();
    expect(() => codec.decode(bytes.subarray(0, i), 'k'), `${i} bytes`).toThrow();
  }
  expect(() => codec.decode(bytes, 'other')).toThrow();
});

test('refuses a keyring that cannot work', () => {
  expect(() => encrypted(json(), { current: 'gone', keys })).toThrow(
    'keyring.keys has no current key "gone"',
  );
  const short = { current: 'a', keys: { a: randomBytes(16) } };
  expect(() => encrypted(json(), short)).toThrow('keyring.keys["a"] must be 32 bytes');
  const id = 'x'.repeat(256);
  expect(() => encrypted(json(), { current: id, keys: { [id]: keys.new } })).toThrow('too long');
});

test('codecs compose, and what was moved to another key in L2 is a miss', async () => {
  const tier = memoryTier();
  const options = { ttlMs: 60_000, l2: tier, codec: encrypted(compressed(json()), ring) };
  await using here = createCache<object>({ name: 'secret', ...options });
  await using there = createCache<object>({ name: 'secret', ...options });
  await here.set('a', secret);
  expect(await there.get('a')).toEqual(secret);
  const [bytes] = await tier.read(['secret:v1:{a}']);
  await tier.write('secret:v1:{b}', bytes ?? new Uint8Array(0), 60_000);
  expect(await there.get('b')).toBeUndefined();
  expect(there.stats().l2.foreign).toBe(1);
});
