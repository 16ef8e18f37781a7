import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';

const gates = path.resolve(import.meta.dirname, '..');

/** What `npm test -w tools/gates -- ...` prints. */
function run(...args: string[]): Promise<string> {
  const options = { cwd: gates, env: { ...process.env, NO_COLOR: '1' } };
  return new Promise((resolve) => {
    const program = [path.join(gates, 'src/run-tests.ts'), ...args];
    execFile(process.execPath, program, options, (_error, stdout, stderr) => {
      resolve(stdout + stderr);
    });
  });
}

test('a file name picks files of the workspace, and of no other', async () => {
  expect(await run('unit', 'summary')).toMatch(/Test Files +1 passed \(1\)/);
  expect(await run('unit', 'user-service/src/users/cursor')).toContain('No test files found');
});
