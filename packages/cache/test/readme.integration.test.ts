import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { startRedis } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/<!-- (examples\/\S+) -->\n```ts\n([\s\S]*?)```/g)];
const files = readdirSync(path.join(root, 'examples')).map((file) => `examples/${file}`);

const printed: Readonly<Record<string, string | RegExp>> = {
  'examples/first.ts': 'Lamp true\n',
  'examples/failing-loader.ts': 'Ada stale 1\n',
  'examples/age.ts': /^users; fwd=miss; ttl=(9|10)\nusers; hit; ttl=(9|10)\n$/,
  'examples/many.ts': 'loads table, unicorn false\n{ lamp: 19, table: 99 }\n',
  'examples/tags.ts': 'undefined Table, 99\nundefined undefined\n',
  'examples/conditional.ts': '200\n304\n19 "2026-11"\n',
  'examples/codecs.ts': "{ name: 'Ada' }\n",
  'examples/own-tier.ts': /fail 0\n/,
  'examples/tracking.ts': '21\n',
};

test('every ts block of the README is a file of examples, word for word', () => {
  expect(readme.match(/```ts\n/g)?.length).toBe(blocks.length);
  expect(blocks.map(([, file]) => file).sort()).toEqual(files.sort());
  for (const [, file, block] of blocks) {
    expect(block, file).toBe(readFileSync(path.join(root, file ?? ''), 'utf8'));
  }
});

describe('the examples', () => {
  const server = useServer(startRedis);

  test.each(files)('%s runs and prints what it should', async (file) => {
    expect(await run(file, server().url)).toMatch(printed[file] ?? 'nothing is expected of it');
  });

  test('the first one also runs where there is no Redis', async () => {
    expect(await run('examples/first.ts', 'redis://127.0.0.1:1')).toBe('Lamp true\n');
  });
});

async function run(file: string, redisUrl: string): Promise<string> {
  const args = ['--conditions=@shopgpt/source', '--test-reporter=spec', path.join(root, file)];
  const env = { ...process.env, REDIS_URL: redisUrl };
  return (await promisify(execFile)(process.execPath, args, { env })).stdout;
}
