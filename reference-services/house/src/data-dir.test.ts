import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keptSecret, prepareDataDir } from './data-dir.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'data-dir-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a secret is generated once, long enough, and readable by its owner only', () => {
  const secret = keptSecret(folder, 'api-token');
  expect(secret).toMatch(/^[\w-]{32}$/);
  expect(keptSecret(folder, 'api-token')).toBe(secret);
  expect(keptSecret(folder, 'other')).not.toBe(secret);
  expect(statSync(path.join(folder, 'api-token')).mode & 0o777).toBe(0o600);
});

test('a data folder is made with the folders above it', () => {
  const dataDir = path.join(folder, 'a/b');
  prepareDataDir(dataDir);
  prepareDataDir(dataDir);
  expect(statSync(dataDir).isDirectory()).toBe(true);
});

test('a data folder that is a file is refused in words', () => {
  const file = path.join(folder, 'file');
  writeFileSync(file, '');
  expect(() => prepareDataDir(path.join(file, 'data'))).toThrow(
    expect.objectContaining({
      code: 'ERR_HOUSE_DATA_DIR',
      message: expect.stringContaining(
        `The data folder ${path.join(file, 'data')} cannot be written`,
      ),
    }),
  );
});
