import { expect, test } from 'vitest';
import { expiry, opening, seal, unseal } from './envelope.ts';

const letter = {
  stamps: [],
  createdAt: 1_700_000_000_123,
  ttlMs: 300_000,
  loadMs: 12,
  etag: 'W/"\u00fc"',
  payload: Buffer.from('{}'),
};

test('gives back what was put in', () => {
  expect(unseal(seal(letter))).toEqual(letter);
});

test('a time of expiry can be put in after the opening', () => {
  expect(unseal(seal({ ...letter, expiredAt: 5 }))).toEqual({ ...letter, expiredAt: 5 });
  const bytes = Buffer.from(seal(letter));
  bytes.set(expiry(1_700_000_000_456), opening.length);
  expect(bytes.subarray(0, opening.length)).toEqual(Buffer.from(opening));
  expect(unseal(bytes)).toEqual({ ...letter, expiredAt: 1_700_000_000_456 });
});

test('tells that there is no value from an empty one', () => {
  expect(unseal(seal({ ...letter, payload: undefined }))?.payload).toBeUndefined();
  expect(unseal(seal({ ...letter, payload: Buffer.alloc(0) }))?.payload).toHaveLength(0);
});

test('reads bytes that are no Buffer, also out of the middle of others', () => {
  const sealed = seal(letter);
  const around = new Uint8Array(sealed.length + 10);
  around.set(sealed, 7);
  expect(unseal(around.subarray(7, 7 + sealed.length))?.payload?.toString()).toBe('{}');
});

test('rounds the time of a load and caps it at what its field holds', () => {
  expect(unseal(seal({ ...letter, loadMs: 1.6 }))?.loadMs).toBe(2);
  expect(unseal(seal({ ...letter, loadMs: 1e12 }))?.loadMs).toBe(0xffff_ffff);
});

test('takes no text, no other version, no unknown flag, no nonsense and nothing cut off for an envelope', () => {
  const change = (at: number, byte: number) => {
    const bytes = Buffer.from(seal(letter));
    bytes[at] = byte;
    return bytes;
  };
  const strangers = {
    empty: Buffer.alloc(0),
    text: Buffer.from('{"id":1,"name":"somebody else wrote this"}'),
    magic: change(1, 0),
    'older version': change(2, 1),
    'later version': change(2, 3),
    flag: change(11, 2),
    'cut off': Buffer.from(seal(letter)).subarray(0, 37),
    'endless creation': seal({ ...letter, createdAt: Number.POSITIVE_INFINITY }),
    'no ttl': seal({ ...letter, ttlMs: 0 }),
    'ttl is no number': seal({ ...letter, ttlMs: Number.NaN }),
  };
  for (const [why, bytes] of Object.entries(strangers)) expect(unseal(bytes), why).toBeUndefined();
});

test('carries stamps whatever the tags are', () => {
  const tags = ['', 'catalog', 'größe', '"quoted"', 'a\0b', '\ud800', 'a%b'];
  const stamps = tags.map((tag, i) => ({ tag, id: `id${i}` }));
  const opened = unseal(seal({ ...letter, stamps }));
  expect(opened?.stamps).toEqual(stamps);
  expect(opened?.payload?.toString()).toBe('{}');
});

test('whatever byte of an envelope is damaged, it is read or it is none', () => {
  const stamps = ['', '#sale', 'a', '"quoted"', '\ud800'].map((tag) => ({ tag, id: 'id' }));
  const sealed = seal({ ...letter, stamps });
  for (let at = 0; at < sealed.length; at += 1) {
    for (const byte of [0, 1, 0x22, 0x5c, 0x7f, 0x80, 0xff]) {
      const bytes = Buffer.from(sealed);
      bytes[at] = byte;
      expect(() => unseal(bytes), `byte ${at} as ${byte}`).not.toThrow();
    }
  }
});

test('takes an etag that claims to be longer than all there is for nonsense', () => {
  const bytes = Buffer.from(seal(letter));
  bytes.writeUInt16BE(1000, 36);
  expect(unseal(bytes)).toBeUndefined();
});

test('takes stamps that claim to be longer than all there is for nonsense', () => {
  const bytes = Buffer.from(seal(letter));
  bytes.writeUInt32BE(1000, 32);
  expect(unseal(bytes)).toBeUndefined();
});
