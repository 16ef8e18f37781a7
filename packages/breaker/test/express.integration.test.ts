import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusalHandler } from '../src/express/index.ts';
import { createBreaker, createPolicy } from '../src/index.ts';
import { createStuckBreaker, hangingCall } from '../src/testing/index.ts';

const isolated = createBreaker();
isolated.isolate();
const full = createPolicy({ bulkhead: { concurrency: 1 } });
full.execute(hangingCall()).catch(() => undefined);

const app = express();
app.get('/open', () => createStuckBreaker('open', { openMs: 4_200 }).execute(() => 1));
app.get('/isolated', () => isolated.execute(() => 1));
app.get('/busy', () => createStuckBreaker('half-open').execute(() => 1));
app.get('/full', () => full.execute(() => 1));
app.get('/slow', () => createPolicy({ timeoutMs: 5 }).execute(hangingCall()));
app.get('/late', () => createPolicy({ deadlineMs: 5 }).execute(hangingCall()));
app.get('/other', () => Promise.reject(Object.assign(new Error('other'), { code: 'ERR_OTHER' })));
app.get('/begun', async (_request, response) => {
  response.write('a part');
  await isolated.execute(() => 1);
});
app.use(refusalHandler());
app.use((error: Error, _request: express.Request, response: express.Response, next: () => void) => {
  if (response.headersSent) response.destroy(error);
  else response.status(500).send(`next: ${error.message}`);
  void next;
});

let server: Server;
let url: string;
beforeAll(async () => {
  server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const refusals: [string, number, string | null, string][] = [
  ['/open', 503, '5', 'ERR_BREAKER_OPEN'],
  ['/isolated', 503, '60', 'ERR_BREAKER_OPEN'],
  ['/busy', 503, '1', 'ERR_BREAKER_HALF_OPEN_BUSY'],
  ['/full', 503, '1', 'ERR_BREAKER_BULKHEAD_FULL'],
  ['/slow', 504, null, 'ERR_BREAKER_CALL_TIMEOUT'],
  ['/late', 504, null, 'ERR_BREAKER_DEADLINE'],
];
test.each(refusals)('%s is answered with %i as a problem', async (path, status, after, code) => {
  const response = await fetch(url + path);
  expect(response.status).toBe(status);
  expect(response.headers.get('retry-after')).toBe(after);
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(response.headers.get('cache-control')).toBe('no-store');
  const title = status === 503 ? 'Service Unavailable' : 'Gateway Timeout';
  expect(await response.json()).toEqual({ type: 'about:blank', title, status, code });
});

test('an error of somebody else goes to the next handler', async () => {
  const response = await fetch(`${url}/other`);
  expect([response.status, await response.text()]).toEqual([500, 'next: other']);
});

test('a response that has begun is left to the next handler', async () => {
  const response = await fetch(`${url}/begun`);
  await expect(response.text()).rejects.toThrow('terminated');
});

test('the door has these names and no others', async () => {
  expect(Object.keys(await import('../src/express/index.ts'))).toEqual(['refusalHandler']);
});
