import { expect, test } from 'vitest';
import { headerNames, headerNumber, headerText, textHeader } from './headers.ts';

test('no two headers have the same name', () => {
  const names = Object.values(headerNames);
  expect(new Set(names).size).toBe(names.length);
});

test('a header is read as text, the last of its name', () => {
  const headers = [textHeader('a', 'first'), textHeader('b', 'ü'), textHeader('a', 'last')];
  expect(headerText(headers, 'a')).toBe('last');
  expect(headerText(headers, 'b')).toBe('ü');
  expect(headerText(headers, 'c')).toBeUndefined();
  expect(headerText([['a', null]], 'a')).toBeUndefined();
  const part = new Uint8Array(Buffer.from('xxtextxx')).subarray(2, 6);
  expect(headerText([['a', part]], 'a')).toBe('text');
});

test.each([
  ['12', 12],
  ['-1.5', -1.5],
  [' ', undefined],
  ['', undefined],
  ['soon', undefined],
])('%j as a number is %s', (value, number) => {
  expect(headerNumber([textHeader('n', value)], 'n')).toBe(number);
});
