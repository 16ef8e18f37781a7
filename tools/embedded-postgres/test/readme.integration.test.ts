import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort, removeFolder, temporaryFolder } from './child.ts';

const file = (name: string) => path.join(import.meta.dirname, '..', name);
let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => removeFolder(folder));

test('the README shows an example, which starts and stops', async () => {
  const example = readFileSync(file('examples/start.ts'), 'utf8');
  expect(readFileSync(file('README.md'), 'utf8')).toContain(`\`\`\`ts\n${example}\`\`\``);
  const port = await freePort();
  const env = { ...process.env, PORT: `${port}` };
  const args = [file('examples/start.ts')];
  const output = execFileSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' });
  expect(output).toBe(`postgres://postgres:correct%20horse@127.0.0.1:${port}/postgres\n`);
});
