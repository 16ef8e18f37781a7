import { expect, test } from 'vitest';
import { admittedVersions } from './etag.ts';

test.each([
  [undefined, undefined],
  ['*', undefined],
  [' * ', undefined],
  ['"3"', [3]],
  ['"3", "14"', [3, 14]],
  ['W/"3"', []], // a weak one never matches: RFC 9110, section 13.1.1
  ['3', []],
  ['"x", "4"', [4]],
  ['"9999999999"', []],
  ['', []],
])('If-Match: %s admits %o', (header, versions) => {
  expect(admittedVersions(header)).toEqual(versions);
});
