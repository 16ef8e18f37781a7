import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { checkout, HouseProcess, ownPlace, type Place } from './house-process.ts';

/** The block of the README that follows the marker, as a reader pastes it. */
function walk(): string {
  const readme = readFileSync(path.join(checkout, 'README.md'), 'utf8');
  return /^<!-- walk -->\n+```\w*\n(.*?)^```$/ms.exec(readme)?.[1] ?? '';
}

/** Runs commands that name the default ports against a house on others. */
async function paste(commands: string, { folder, env }: Place): Promise<string> {
  const redirect = (from: number, to = '') => `connect-to = "127.0.0.1:${from}:127.0.0.1:${to}"\n`;
  const curlrc = redirect(3000, env['HOUSE_PORT']) + redirect(3001, env['USER_SERVICE_PORT']);
  writeFileSync(path.join(folder, '.curlrc'), curlrc);
  const { stdout } = await promisify(execFile)('bash', ['-e', '-o', 'pipefail', '-c', commands], {
    cwd: folder,
    env: { PATH: process.env['PATH'], CURL_HOME: folder },
  });
  return stdout;
}

test("the README's walk does what it says, exactly as printed", async () => {
  const place = await ownPlace();
  const env = { ...place.env, SHOPGPT_DATA_DIR: path.join(place.folder, '.data') };
  const house = await new HouseProcess({ env }).ready();
  const printed = await paste(walk(), place);
  await house.ctrlC();

  const all = (pattern: RegExp) => [...printed.matchAll(pattern)].map(([, found]) => found?.trim());
  expect(all(/HTTP\/1\.1 (\d+)/gm)).toEqual(['200', '200', '201', '400', '200', '503']);
  expect(all(/^cache-status: user-service; ([^;\r\n]*)/gim)).toEqual([
    'fwd=miss',
    'hit',
    'hit',
    'fwd=miss',
  ]);
  expect(all(/^age: (.*)$/gim)).toHaveLength(2);
  expect(all(/^retry-after: (.*)$/gim)).toHaveLength(1);
  expect(printed).toContain('"name":"Ada Lovelace"');
  expect(printed).toMatch(/"field":"email".*"field":"age"/s);
  expect(all(/(\{"database":"\w+"\})/g)).toEqual([
    '{"database":"stopped"}',
    '{"database":"running"}',
  ]);
});
