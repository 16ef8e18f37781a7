import { expect, test } from 'vitest';
import { serverOf, withoutCovered } from './tracker.ts';

test.each([
  [[], []],
  [
    ['b:', 'a:'],
    ['a:', 'b:'],
  ],
  [['a:', 'a:'], ['a:']],
  [
    ['a:v1:b:v1:', 'a:v1:', 'a:v10:', 'a-b:', 'b:'],
    ['a-b:', 'a:v10:', 'a:v1:', 'b:'],
  ],
  [
    ['a', 'ab', 'b', 'ba', 'abc'],
    ['a', 'b'],
  ],
])('beginnings %j are tracked as %j', (prefixes, expected) => {
  expect(withoutCovered(prefixes)).toEqual(expected.sort());
});

test('a server is known by the id of its run', () => {
  expect(serverOf('# Server\r\nrun_id:00ff\r\ntcp_port:1\r\n')).toBe('00ff');
  expect(() => serverOf('nothing')).toThrow('does not say');
});
