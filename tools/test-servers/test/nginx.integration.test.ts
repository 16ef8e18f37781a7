import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { startNginx, type TestServer } from '../src/index.ts';
import { useServer } from '../src/vitest.ts';
import { isAlive, listeners } from './child.ts';

let upstream: Server;
let asked = 0;

const nginx = useServer<undefined, TestServer>(async () => {
  upstream = createServer((_request, response) => {
    asked += 1;
    response.setHeader('Cache-Control', 's-maxage=60');
    response.end('from upstream');
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  return startNginx({ upstream: `http://127.0.0.1:${port}` });
});
afterAll(() => upstream.close());

test('nginx listens on loopback only, and keeps what its upstream says it may', async () => {
  expect(nginx()).toMatchObject({ name: 'nginx', version: expect.stringMatching(/^1\./) });
  const hex = Number(new URL(nginx().url).port).toString(16).toUpperCase().padStart(4, '0');
  expect(await listeners(nginx().pid ?? 0)).toEqual([`0100007F:${hex}`]);
  for (const by of ['MISS', 'HIT']) {
    const response = await fetch(nginx().url);
    expect([await response.text(), response.headers.get('x-cache')]).toEqual(['from upstream', by]);
  }
  expect(asked).toBe(1);
});

test('nginx is gone when killed, and comes back on the same port', async () => {
  const { pid = 0, url } = nginx();
  await nginx().kill();
  expect(await isAlive(pid)).toBe(false);
  await expect(fetch(url)).rejects.toThrow();
  await nginx().restart();
  expect((await fetch(url)).status).toBe(200);
});
