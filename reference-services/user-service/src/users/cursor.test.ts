import { expect, test } from 'vitest';
import { createCursors } from './cursor.ts';

const id = '01a20435-1234-7abc-8def-0123456789ab';
const cursors = createCursors('a secret');

test('gives back the id that it was made of', () => {
  const cursor = cursors.encode(id);
  expect(cursors.decode(cursor)).toBe(id.replaceAll('-', ''));
  expect(cursor).toMatch(/^[\w-]{43}$/);
  expect(createCursors('a secret').decode(cursor)).toBe(id.replaceAll('-', ''));
});

test('is nothing to another secret', () => {
  expect(createCursors('another').decode(cursors.encode(id))).toBeUndefined();
});

test('notices a change of any character', () => {
  const cursor = cursors.encode(id);
  for (let at = 0; at < cursor.length; at += 1) {
    const other = cursor[at] === 'A' ? 'B' : 'A';
    expect(cursors.decode(cursor.slice(0, at) + other + cursor.slice(at + 1))).toBeUndefined();
  }
});

test('has one spelling only', () => {
  const cursor = cursors.encode(id);
  const last = cursor.at(-1) ?? '';
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  // The last character carries two bits that mean nothing.
  const twin = cursor.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1];
  for (const spelling of [twin, `${cursor}=`, ` ${cursor}`, `${cursor}A`, `${cursor}\n`]) {
    expect(cursors.decode(spelling)).toBeUndefined();
  }
});

test.each(['', 'x', 'null', id, 'A'.repeat(43)])('is not %j', (text) => {
  expect(cursors.decode(text)).toBeUndefined();
});
