import { expect, test } from 'vitest';
import { Troubles } from './troubles.ts';

test('a reason is told once, however many suffer from it, and until it is over for all', () => {
  const troubles = new Troubles();
  for (let key = 0; key < 50; key += 1) troubles.set(key, 'the dead letters are gone');
  troubles.set('commit', 'offsets cannot be committed');
  const told = ['the dead letters are gone', 'offsets cannot be committed'];
  expect(troubles.reasons()).toEqual(told);
  for (let key = 1; key < 50; key += 1) troubles.clear(key);
  expect(troubles.reasons()).toEqual(told);
  troubles.clear(0);
  expect(troubles.reasons()).toEqual(['offsets cannot be committed']);
});

test('ten reasons are told, and how many more there are', () => {
  const troubles = new Troubles();
  for (let key = 0; key < 13; key += 1) troubles.set(key, `reason ${key}`);
  expect(troubles.reasons()).toHaveLength(11);
  expect(troubles.reasons().slice(9)).toEqual(['reason 9', 'and 3 more']);
});
