import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { startOpenSearch, startPostgres, startRedis } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/<!-- (examples\/\S+) -->\n```ts\n([\s\S]*?)```/g)];
const files = readdirSync(path.join(root, 'examples')).map((file) => `examples/${file}`);

/** What an example prints, run as a user would. */
async function output(file: string, env: Record<string, string> = {}): Promise<string> {
  const args = ['--conditions=@shopgpt/source', path.join(root, 'examples', file)];
  const options = { env: { ...process.env, ...env, NO_COLOR: '1' } };
  return (await promisify(execFile)(process.execPath, args, options)).stdout;
}

test('every ts block of the README is a file of examples, word for word', () => {
  expect(readme.match(/```ts\n/g)?.length).toBe(blocks.length);
  expect(blocks.map(([, file]) => file).sort()).toEqual(files.sort());
  for (const [, file = '', block] of blocks) {
    expect(block, file).toBe(readFileSync(path.join(root, file), 'utf8'));
  }
});

test.each([
  ['first.ts', '[ 4, 3, 5 ] 1\n'],
  ['dataloader.ts', "[ 'user 1', 'user 2', 'user 1' ]\n"],
  ['tenants.ts', "[ 'big x 10', 'small x 1', 'big x 10', 'big x 10' ]\n"],
  ['poison.ts', "[ 'broken' ] 6\n"],
  ['testing.ts', 'no test has slept\n'],
])('%s prints what it should', async (file, printed) => {
  expect(await output(file)).toBe(printed);
});

describe('with PostgreSQL', () => {
  const postgres = useServer(startPostgres);

  test('rows come in the order of the callers, each asked for once, and errors to their own', async () => {
    const client = new Client({ connectionString: postgres().url });
    await client.connect();
    await client.query('drop table if exists product');
    await client.query('create table product (id int primary key, name text)');
    await client.query(`insert into product values (1, 'Lamp'), (2, 'Rug')`);
    const printed = await output('postgres.ts', { DATABASE_URL: postgres().url });
    await client.query('drop table product');
    await client.end();
    expect(printed).toBe(
      "[ 'inserted', 'product 1 exists' ]\n[ 'Table', 'Lamp', undefined, 'Lamp' ] 3\n",
    );
  });
});

describe('with Redis', () => {
  const redis = useServer(startRedis);

  test('values come in the order of the callers, null for what is not there', async () => {
    expect(await output('redis.ts', { REDIS_URL: redis().url })).toBe("[ '2', null, '1' ]\n");
  });
});

describe('with a search engine', () => {
  const search = useServer(startOpenSearch);

  test('each query gets its own hits, and a wrong one its own error', async () => {
    const lines = ['Red lamp', 'Green lamp', 'Rug'].flatMap((name) => [{ index: {} }, { name }]);
    const response = await fetch(`${search().url}/products/_bulk?refresh=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    });
    expect(await response.json()).toMatchObject({ errors: false });
    const printed = await output('msearch.ts', { SEARCH_URL: search().url });
    await fetch(`${search().url}/products`, { method: 'DELETE' });
    expect(printed.replaceAll(/\s+/g, ' ').trim()).toBe(
      "[ [ 'Red lamp', 'Green lamp' ], 'search answered 400', 'all shards failed', [ 'Rug' ] ]",
    );
  });
});

test('over HTTP, one request answers all, and who is missing gets an error alone', async () => {
  const bodies: string[] = [];
  const people: Record<string, object> = {
    u1: { id: 'u1', name: 'Ada' },
    u2: { id: 'u2', name: 'Bob' },
  };
  const server = createServer(async (request, response) => {
    const body = await new Response(request).text();
    bodies.push(`${request.method} ${request.url} ${body}`);
    const { ids } = JSON.parse(body) as { ids: string[] };
    const found = ids.filter((id) => people[id]).map((id) => [id, people[id]]);
    response.end(JSON.stringify(Object.fromEntries(found)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const printed = await output('http-bulk.ts', { USERS_URL: `http://127.0.0.1:${port}` });
  server.close();
  expect(printed).toBe("[ 'Bob', 'Ada', 'ERR_BATCHER_RESULT_MISSING', 'Bob' ]\n");
  expect(bodies).toEqual(['POST /users/bulk {"ids":["u2","u1","nobody"]}']);
});
