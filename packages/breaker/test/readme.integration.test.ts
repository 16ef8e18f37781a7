import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/<!-- (examples\/\S+) -->\n```ts\n([\s\S]*?)```/g)];
const files = readdirSync(path.join(root, 'examples')).map((file) => `examples/${file}`);

const printed: Readonly<Record<string, RegExp>> = {
  'examples/first.ts':
    /^failed\nfailed\nuser-service: closed -> open\nfailed\nrefused, again in \d+ ms\n$/,
  'examples/policy.ts': /^(attempt \d, in time: true\n){3}\{ id: '42', name: 'Ann' \} 2\n$/,
  'examples/registry.ts': /^from Europe 1\nopen\nhalf-open\n$/,
  'examples/fetch.ts': /^200 ms left: true 2 requests\n$/,
  'examples/express.ts': /^503 60 \{"type":"about:blank",.*"code":"ERR_BREAKER_OPEN"\}\n$/,
  'examples/opossum.ts': /^user 42 1\nthrough the same circuit 2\n$/,
  'examples/testing.ts': /^tested in no time\n$/,
};

test('every ts block of the README is a file of examples, word for word', () => {
  expect(readme.match(/```ts\n/g)?.length).toBe(blocks.length);
  expect(blocks.map(([, file]) => file).sort()).toEqual(files.sort());
  for (const [, file, block] of blocks) {
    expect(block, file).toBe(readFileSync(path.join(root, file ?? ''), 'utf8'));
  }
});

test.each(files)('%s runs and prints what it should', async (file) => {
  const args = ['--conditions=@shopgpt/source', path.join(root, file)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toMatch(printed[file] ?? /^nothing is expected of it$/);
});
