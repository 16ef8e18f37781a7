import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';

/** What the pipe to a reader holds, and more than that. */
const [fewLines, manyLines] = [50, 1_000];
const program = `
  const { createLog } = await import('./src/log.ts');
  const { log, end } = createLog('info');
  process.once('SIGTERM', async () => {
    log.info('last');
    if (process.argv[1] === 'crash') throw new Error('crash');
    await end();
    process.exit(0);
  });
  for (let n = 0; n < Number(process.argv[2]); n += 1) log.info({ n, padding: 'x'.repeat(500) }, 'line');
  setInterval(() => log.info('still here'), 10);
  process.send('running');`;

/** A process that logs so many lines, and on and on until SIGTERM; `stdout` as in `spawn`. */
async function startLogging(stdout: 'pipe' | number, lines: number, how = 'kindly') {
  const args = ['--input-type=module', '-e', program, how, `${lines}`];
  const child = spawn(process.execPath, args, {
    cwd: path.resolve(import.meta.dirname, '..'),
    stdio: ['ignore', stdout, 'ignore', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  const end = async () => {
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    return code;
  };
  return { child, end };
}

test('every line is written before the process ends', async () => {
  const { child, end } = await startLogging('pipe', fewLines);
  const written = child.stdout ? text(child.stdout) : '';
  expect(await end()).toBe(0);
  const messages = (await written)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).msg);
  expect(messages.filter((message) => message === 'line')).toHaveLength(fewLines);
  expect(messages.at(-1)).toBe('last');
});

test.each(['kindly', 'crash'])(
  'a reader who went away holds up no process that ends: %s',
  async (how) => {
    const { child, end } = await startLogging('pipe', manyLines, how);
    child.stdout?.destroy();
    expect(await end()).toBe(how === 'crash' ? 1 : 0);
  },
);

test.each(['kindly', 'crash'])(
  'a reader who does not read holds up no process that ends: %s',
  async (how) => {
    const { end } = await startLogging('pipe', manyLines, how);
    expect(await end()).toBe(how === 'crash' ? 1 : 0);
  },
);

test('a full disk ends no process before its time', async () => {
  const full = openSync('/dev/full', 'w');
  const { end } = await startLogging(full, fewLines);
  closeSync(full);
  expect(await end()).toBe(0);
});
