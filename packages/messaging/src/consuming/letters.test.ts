import { expect, test } from 'vitest';
import { recordBytes } from '../producing/delivery.ts';
import { MOVE_HEADER_BYTES } from '../topics/moved-topic.ts';
import { moved, restored } from './letters.ts';

const longest = 'ü'.repeat(249);
const at = { topic: 't'.repeat(249), partition: 1_000_000 };
const record = {
  key: Buffer.from('k'),
  value: Buffer.from('v'),
  headers: [['lang', Buffer.from('de')] as const],
  timestamp: 1_800_000_000_000,
  offset: Number.MAX_SAFE_INTEGER,
};

test('whatever was thrown, a moved message fits into the room that its topic has for it', () => {
  const error = Object.assign(new Error('漢'.repeat(100_000)), {
    name: '漢'.repeat(100_000),
    code: '漢'.repeat(100_000),
  });
  const move = { now: 1_800_000_000_000, group: longest, error, attempts: 1_000_000 };
  const once = moved(at, record, { ...move, notBefore: 1_800_000_000_000 });
  const letter = moved({ ...at, topic: 'other' }, { ...record, ...once }, move);
  for (const one of [once, letter]) {
    expect(recordBytes(one) - recordBytes(record)).toBeLessThan(MOVE_HEADER_BYTES);
  }
  const { timestamp, ...bytes } = restored({ ...record, ...letter }, 7);
  expect(timestamp).toBe(7);
  expect(bytes).toEqual({ key: record.key, value: record.value, headers: record.headers });
});
