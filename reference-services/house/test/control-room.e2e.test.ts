import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HouseProcess, makePlace, type Place } from './house-process.ts';

let place: Place;
let house: HouseProcess;
beforeAll(async () => {
  place = await makePlace();
  house = await new HouseProcess({ env: place.env }).ready();
});
afterAll(async () => {
  await house.ctrlC();
  place.remove();
});

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

/** A request with any headers, also those that `fetch` would not send. */
async function ask(path: string, { method = 'GET', headers = {} }: Asked = {}) {
  const sent = request({ host: '127.0.0.1', port: place.env['HOUSE_PORT'], path, method, headers });
  sent.end();
  const [response] = await once(sent, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

const databaseState = async () => JSON.parse((await ask('/api/state')).body).database;

test.each([
  { host: 'rebound.example' },
  { origin: 'https://shop.example' },
  { origin: 'null' },
  { 'sec-fetch-site': 'cross-site' },
])('the database is not stopped by a page of another site: %o', async (headers) => {
  const { status, body } = await ask('/api/database/stop', { method: 'POST', headers });
  expect(status).toBe(403);
  expect(JSON.parse(body)).toMatchObject({ title: 'Forbidden', status: 403 });
  expect(await databaseState()).toBe('running');
});

test('nothing at all is told to a name that points here from elsewhere', async () => {
  for (const path of ['/', '/app.js', '/api/state', '/api/examples']) {
    expect((await ask(path, { headers: { host: 'rebound.example' } })).status).toBe(403);
  }
});

test('the database is not stopped by a link', async () => {
  const { status, headers } = await ask('/api/database/stop');
  expect(status).toBe(405);
  expect(headers.allow).toBe('POST');
  expect(await databaseState()).toBe('running');
});

test.each(['/nothing', '/../package.json', '/..%2f..%2fserver.ts', '/api/users/', '//'])(
  'nothing answers at %s',
  async (path) => {
    const { status, headers } = await ask(path);
    expect(status).toBe(404);
    expect(headers['content-type']).toBe('application/problem+json');
  },
);

test('a user cannot be named so that another place of the service answers', async () => {
  const { body } = await ask(`/api/users/${encodeURIComponent('../stats')}`);
  expect(JSON.parse(body)).toMatchObject({ status: 400, tier: 'none' });
});

test('every answer is guarded by the same headers, errors too', async () => {
  for (const path of ['/', '/api/state', '/nothing']) {
    const { headers } = await ask(path);
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['cache-control']).toBe('no-store');
  }
});

test('a HEAD has the headers of a GET and no body', async () => {
  const { status, headers, body } = await ask('/', { method: 'HEAD' });
  expect({ status, body }).toEqual({ status: 200, body: '' });
  expect(Number(headers['content-length'])).toBeGreaterThan(1000);
});

test('the room listens to this machine only', async () => {
  const port = Number(place.env['HOUSE_PORT']).toString(16).toUpperCase().padStart(4, '0');
  const listening = readFileSync('/proc/net/tcp', 'utf8').match(
    new RegExp(` \\w+:${port} 0{8}:0000 0A`, 'g'),
  );
  expect(listening).toEqual([` 0100007F:${port} 00000000:0000 0A`]);
});
