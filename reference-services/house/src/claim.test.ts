import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Claim } from './claim.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'claim-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const holder = { pid: 42, url: 'http://127.0.0.1:3000' };

test('a folder is claimed by one house at a time, and the second learns who has it', () => {
  const claim = new Claim(dataDir, holder);
  expect(() => new Claim(dataDir, { pid: 43, url: 'http://127.0.0.1:4000' })).toThrow(
    expect.objectContaining({
      code: 'ERR_HOUSE_IN_USE',
      message: expect.stringContaining(
        `${dataDir} is in use by a house that runs already (process 42, ${holder.url})`,
      ),
    }),
  );
  claim.release();
});

test('a released folder can be claimed again', () => {
  new Claim(dataDir, holder).release();
  const second = new Claim(dataDir, holder);
  expect(second.previousWasKilled).toBe(false);
  second.release();
});

test('a folder that holds something else under that name is refused in words', () => {
  writeFileSync(
    path.join(dataDir, 'house.sqlite'),
    'not a database, but long enough to be looked at',
  );
  expect(() => new Claim(dataDir, holder)).toThrow(
    expect.objectContaining({
      code: 'ERR_HOUSE_DATA_DIR',
      message: expect.stringContaining(dataDir),
    }),
  );
});
