import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const vitest = path.join(
  fileURLToPath(import.meta.resolve('vitest/package.json')),
  '../vitest.mjs',
);
const config = path.join(import.meta.dirname, 'fixtures/vitest.config.ts');

/** What a run of one of the fixtures prints, line by line. */
function run(fixture: string): Promise<string[]> {
  const args = [vitest, 'run', '--config', config, '--configLoader', 'native', fixture];
  const env = { ...process.env, NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env }, (_error, stdout) => {
      resolve(stdout.trimEnd().split('\n'));
    });
  });
}

test('the last line counts every test, and errors that nobody caught', async () => {
  const lines = await run('tests');
  expect(lines.at(-1)).toBe('2 passed, 2 failed, 1 skipped');
  expect(lines).toContain('  skipped: tests.fixture.ts > is skipped (no reason)');
});

test('a hook that fails is a failure, before and after the tests', async () => {
  const lines = await run('hooks');
  expect(lines.at(-1)).toBe('1 passed, 2 failed, 1 skipped');
});

test('a file that does not load is a failure', async () => {
  expect((await run('broken')).at(-1)).toBe('0 passed, 1 failed, 0 skipped');
});

test('the servers that tests noted are in the table', async () => {
  const lines = await run('hooks');
  expect(lines).toContain('Redis   7.0.15   here   1');
});
