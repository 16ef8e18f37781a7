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
  'examples/many.ts': 'loads table, unicorn false\n{ lamp: 19, table: 99 }\n',
  'examples/tags.ts': 'undefined Table, 99\nundefined undefined\n',
  'examples/conditional.ts': '200\n304\n19 "2026-11"\n',
  'examples/codecs.ts': "{ name: 'Ada' }\n",
  'examples/http.ts':
    /^public, max-age=0, s-maxage=(299|300), stale-while-revalidate=60\ncatalog product:p1\nproduct; fwd=miss; stored; ttl=(299|300)\n304 product; hit; ttl=(299|300)\n$/,
  'examples/msgpack.ts': '1970-01-01T00:00:00.000Z 2\n',
  'examples/own-tier.ts': /fail 0\n/,
  'examples/purge.ts':
    'POST /purge catalog top%20;sellers\n{ waiting: 0, done: 2, failed: 0, dropped: 0 }\n',
  'examples/upstream.ts': '540 "r1"\n',
  'examples/tracking.ts': '21\n',
};

test('every ts block of the README is a file of examples, word for word', () => {
  expect(readme.match(/```ts\n/g)?.length).toBe(blocks.length);
  expect(blocks.map(([, file]) => file).sort()).toEqual(files.sort());
  for (const [, file, block] of blocks) {
    expect(block, file).toBe(readFileSync(path.join(root, file ?? ''), 'utf8'));
  }
});

test('every option of createCache has its line in the table', () => {
  const source = readFileSync(path.join(root, 'src/options.ts'), 'utf8');
  const [options = ''] = /export interface CacheOptions \{[\s\S]*?\n\}/.exec(source) ?? [];
  const names = [...options.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(15);
  for (const name of names) expect(readme).toMatch(new RegExp(`^\\| \`${name}[\`.]`, 'm'));
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
