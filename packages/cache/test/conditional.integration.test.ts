import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCache, type LoadContext } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { startRedis } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';

interface Page {
  readonly text: string;
}

const redis = useServer(startRedis);
const answers: number[] = [];
let page = { text: 'first', etag: '"1"' };
let client: Redis;

/** An origin that answers 304 to who has the current page. */
const origin = createServer((request, response) => {
  const status = request.headers['if-none-match'] === page.etag ? 304 : 200;
  answers.push(status);
  response.writeHead(status, { etag: page.etag });
  response.end(status === 200 ? JSON.stringify({ text: page.text }) : undefined);
});

async function load({ previous, signal, setEtag }: LoadContext<Page>): Promise<Page> {
  const { port } = origin.address() as AddressInfo;
  const headers = { 'if-none-match': previous?.etag ?? '""' };
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers, signal });
  if (response.status === 304 && previous) return previous.value;
  setEtag(response.headers.get('etag') ?? '""');
  return response.json() as Promise<Page>;
}

beforeAll(async () => {
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  client = new Redis(redis().url, { lazyConnect: true });
  await client.connect();
});
afterAll(() => {
  client.disconnect();
  origin.close();
});

const open = () =>
  createCache<Page>({
    name: 'pages',
    ttlMs: 600_000,
    staleIfErrorMs: 600_000,
    l2: redisTier({ client, timeoutMs: 1000 }),
  });

test('a page that has not changed is asked for with its etag, by whichever process, and kept', async () => {
  await using here = open();
  await using there = open();
  expect(await here.getOrSet('a', load)).toEqual({ text: 'first' });
  await here.expire('a');
  expect(await there.getOrSet('a', load)).toEqual({ text: 'first' });
  expect(answers).toEqual([200, 304]);
  expect(there.entry('a')).toMatchObject({ value: { text: 'first' }, etag: '"1"' });
  expect(there.entry('a')?.ttlMs).toBeGreaterThan(590_000);
  expect(await there.getOrSet('a', load)).toEqual({ text: 'first' });
  // It is fresh again in Redis, with its etag.
  await using later = open();
  expect(await later.get('a')).toEqual({ text: 'first' });
  expect(later.entry('a')?.etag).toBe('"1"');

  page = { text: 'second', etag: '"2"' };
  await there.expire('a');
  expect(await here.getOrSet('a', load)).toEqual({ text: 'second' });
  expect(here.entry('a')?.etag).toBe('"2"');
  expect(answers).toEqual([200, 304, 200]);
});
