import { expect, test } from 'vitest';
import { errorType } from './attributes.ts';

test.each([
  [Object.assign(new Error('x'), { code: 'ENOENT' }), 'ENOENT'],
  [Object.assign(new Error('x'), { code: 5 }), 'Error'],
  [new TypeError('x'), 'TypeError'],
  ['text', '_OTHER'],
  [undefined, '_OTHER'],
])('the type of %s is %s', (error, type) => {
  expect(errorType(error)).toBe(type);
});
