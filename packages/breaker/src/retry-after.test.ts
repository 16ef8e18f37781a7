import { expect, test } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const now = Date.UTC(2026, 0, 1, 12, 0, 0);
const asked: [string, unknown, number | undefined][] = [
  ['a number of ms', { retryAfterMs: 250 }, 250],
  ['a negative number of ms', { retryAfterMs: -1 }, 0],
  ['seconds in a plain header', { headers: { 'retry-after': '3' } }, 3_000],
  ['seconds in Headers', { headers: new Headers({ 'Retry-After': '3' }) }, 3_000],
  ['a header of the response', { response: { headers: { 'retry-after': '0' } } }, 0],
  ['a date', { headers: { 'retry-after': 'Thu, 01 Jan 2026 12:00:05 GMT' } }, 5_000],
  ['a date in the past', { headers: { 'retry-after': 'Thu, 01 Jan 2026 11:00:00 GMT' } }, 0],
  ['nonsense', { headers: { 'retry-after': 'soon' } }, undefined],
  ['an empty header', { headers: { 'retry-after': '' } }, undefined],
  ['other headers', { headers: {} }, undefined],
  ['NaN', { retryAfterMs: Number.NaN }, undefined],
  ['no object', 'an error', undefined],
  ['null', null, undefined],
  ['a plain error', new Error('down'), undefined],
];

test.each(asked)('reads %s', (_what, error, ms) => {
  expect(retryAfterMs(error, now)).toBe(ms);
});
