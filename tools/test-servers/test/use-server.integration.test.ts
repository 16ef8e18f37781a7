import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Ended, runNode } from './child.ts';

const vitest = path.join(
  fileURLToPath(import.meta.resolve('vitest/package.json')),
  '../vitest.mjs',
);
const config = path.join(import.meta.dirname, 'fixtures/vitest.config.ts');

function run(fixture: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  return runNode([vitest, 'run', '--config', config, '--configLoader', 'native', fixture], env);
}

const lastLine = ({ stdout }: Ended) => stdout.trimEnd().split('\n').at(-1);

describe('a scope whose server cannot be had', () => {
  test('is skipped, each test by name with the server as the reason, and none of its hooks runs', async () => {
    const ended = await run('unavailable', { CI: '' });
    expect(ended.code).toBe(0);
    expect(lastLine(ended)).toBe('1 passed, 0 failed, 2 skipped');
    const skipped = ended.stdout.split('\n').filter((line) => line.startsWith('  skipped: '));
    expect(skipped).toEqual([
      '  skipped: unavailable.fixture.ts > without its server > a test does not run (Nothing is not available)',
      '  skipped: unavailable.fixture.ts > without its server > a nested scope > does not run either (Nothing is not available)',
    ]);
  });

  test('fails where CI=true, each test with what was tried', async () => {
    const ended = await run('unavailable', { CI: 'true' });
    expect(ended.code).toBe(1);
    expect(lastLine(ended)).toBe('1 passed, 2 failed, 0 skipped');
    expect(ended.stderr).toContain('Nothing is not available. Tried: nowhere. Build one.');
  });
});

test('each test notes the servers that it ran on, a server of the same kind once', async () => {
  const ended = await run('served', {});
  expect(lastLine(ended)).toBe('2 passed, 0 failed, 0 skipped');
  expect(ended.stdout).toMatch(/^Redis +\d\S+ +\S.* 2$/m);
});
