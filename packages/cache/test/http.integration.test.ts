import { createServer, request, type ServerResponse } from 'node:http';
import { type Cache, createCache } from '@shopgpt/cache';
import { cached, sendEntry } from '@shopgpt/cache/http';
import express from 'express';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ask, listen, type Web } from './web.ts';

interface Product {
  readonly id: string;
  readonly name: string;
}

const noStore = { 'cache-control': 'private, no-store', 'cdn-cache-control': 'private, no-store' };
/** Headers that only a response that may be kept has. */
const shared = ['age', 'surrogate-key', 'cache-tag'];

let cache: Cache<Product>;
let web: Web;
let load: (id: string) => Promise<Product | undefined>;

/** As session middlewares do: their cookie is set when the headers are about to be sent. */
function setCookieLate(response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response);
  response.writeHead = (status: number) => {
    response.setHeader('Set-Cookie', 'session=1');
    return writeHead(status);
  };
}

/** The same for one that may be the second. */
function addCookieLate(response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response);
  response.writeHead = (status: number) => {
    response.appendHeader('Set-Cookie', 'session=1');
    return writeHead(status);
  };
}

beforeEach(async () => {
  load = async (id) => ({ id, name: 'Lamp' });
  cache = createCache<Product>({ name: 'product', ttlMs: 300_000, staleIfErrorMs: 60_000 });
  const how = {
    key: (request: express.Request) => String(request.params['id']),
    load: (request: express.Request) => load(String(request.params['id'])),
    tags: (request: express.Request) => ['catalog', `product:${request.params['id']}`],
  };
  const app = express();
  // The type of one function's request is that of all.
  app.get(
    '/products/:id',
    (_request, response, next) => {
      response.vary('Accept-Language');
      next();
    },
    cached(cache, {
      key: (req: express.Request<{ id: string }>) => req.params.id,
      load: (req) => load(req.params.id),
      tags: (req) => ['catalog', `product:${req.params.id}`],
      isPublic: true,
      browserTtlMs: 10_000,
      staleWhileRevalidateMs: 30_000,
    }),
  );
  app.all('/any/:id', cached(cache, { ...how, isPublic: true }), (_request, response) => {
    response.send('not from the cache');
  });
  app.get('/private/:id', cached(cache, how));
  app.get('/edited/:id', cached(cache, { ...how, mayReload: ({ query }) => 'editor' in query }));
  app.get('/decides/:id', cached(cache, { ...how, isPublic: ({ query }) => 'all' in query }));
  app.get('/early-cookie/:id', (_request, response, next) => {
    response.cookie('session', '1');
    next();
  });
  app.get('/late-cookie/:id', (_request, response, next) => {
    setCookieLate(response);
    next();
  });
  app.get('/added-cookie/:id', (_request, response, next) => {
    addCookieLate(response);
    next();
  });
  const withCookie = ['/early-cookie/:id', '/late-cookie/:id', '/added-cookie/:id'];
  app.get(withCookie, cached(cache, { ...how, isPublic: true }));
  app.get('/teapot/:id', (_request, response, next) => {
    response.status(418);
    next();
  });
  app.get('/teapot/:id', cached(cache, { ...how, isPublic: true }));
  app.use((error: Error, _request: unknown, response: express.Response, _next: unknown) => {
    response.status(500).send(error.message);
  });
  web = await listen(app);
});
afterEach(async () => {
  await web.stop();
  await cache.close({ timeoutMs: 0 });
});

test('a response says how long whom it may serve, what a purge calls it, and where it came from', async () => {
  const first = await ask(`${web.url}/products/p1`);
  expect(first).toMatchObject({ status: 200, body: '{"id":"p1","name":"Lamp"}' });
  expect(first.headers).toMatchObject({
    'cache-control': expect.stringMatching(
      /^public, max-age=10, s-maxage=(300|299), stale-while-revalidate=30$/,
    ),
    'cdn-cache-control': expect.stringMatching(/^max-age=(300|299), stale-while-revalidate=30$/),
    age: '0',
    'cache-status': expect.stringMatching(/^product; fwd=miss; stored; ttl=(300|299)$/),
    etag: expect.stringMatching(/^"[\w-]{16,}"$/),
    'surrogate-key': 'catalog product:p1',
    'cache-tag': 'catalog,product:p1',
    vary: 'Accept-Language',
    'content-type': 'application/json; charset=utf-8',
    'content-length': '25',
  });
  const second = await ask(`${web.url}/products/p1`);
  expect(second.headers['cache-status']).toMatch(/^product; hit; ttl=(300|299)$/);
  expect(second.headers['etag']).toBe(first.headers['etag']);
  expect(cache.stats().loads).toBe(1);
});

test('who has it is answered with 304, the headers that a cache needs, and no body', async () => {
  const { headers: known } = await ask(`${web.url}/products/p1`);
  for (const field of [
    `${known['etag']}`,
    `W/${known['etag']}`,
    `"other", ${known['etag']}`,
    '*',
  ]) {
    const { status, headers, body } = await ask(`${web.url}/products/p1`, {
      'If-None-Match': field,
    });
    expect({ status, body }, field).toEqual({ status: 304, body: '' });
    expect(headers).toMatchObject({
      'cache-control': expect.stringContaining('s-maxage'),
      'cdn-cache-control': expect.any(String),
      etag: known['etag'],
      vary: 'Accept-Language',
      'surrogate-key': 'catalog product:p1',
      date: expect.any(String),
    });
    expect(Object.keys(headers)).not.toContain('content-type');
    expect(Object.keys(headers)).not.toContain('content-length');
  }
  const other = await ask(`${web.url}/products/p1`, { 'If-None-Match': '"other"' });
  expect(other.status).toBe(200);
});

test('HEAD has the headers of GET and no body', async () => {
  await ask(`${web.url}/any/p1`);
  const get = await ask(`${web.url}/any/p1`);
  const head = await ask(`${web.url}/any/p1`, {}, 'HEAD');
  expect(head).toMatchObject({ status: 200, body: '' });
  const volatile = { date: '', 'cache-control': '', 'cdn-cache-control': '', 'cache-status': '' };
  expect({ ...head.headers, ...volatile }).toEqual({ ...get.headers, ...volatile });
  const { status } = await ask(
    `${web.url}/any/p1`,
    { 'If-None-Match': `${get.headers['etag']}` },
    'HEAD',
  );
  expect(status).toBe(304);
});

test.each(['POST', 'PUT', 'DELETE', 'PATCH'])('%s goes on to the next handler', async (method) => {
  const { body, headers } = await ask(`${web.url}/any/p1`, {}, method);
  expect(body).toBe('not from the cache');
  expect(headers['cache-control']).toBeUndefined();
  expect(cache.stats().loads).toBe(0);
});

describe('nobody may keep', () => {
  const cases: [what: string, path: string, headers?: Record<string, string>][] = [
    ['what is not marked public', '/private/p1'],
    ['the answer to a request with Authorization', '/products/p1', { Authorization: 'Bearer x' }],
    ['a response with a cookie', '/early-cookie/p1'],
    ['a response that gets its cookie at the last moment', '/late-cookie/p1'],
    ['a response to which a cookie is added at the last moment', '/added-cookie/p1'],
    ['what a function does not mark public', '/decides/p1'],
    ['a response with another status', '/teapot/p1'],
  ];
  test.each(cases)('%s', async (_what, path, headers = {}) => {
    await ask(`${web.url}/private/p1`);
    const received = await ask(web.url + path, headers);
    expect(received.headers).toMatchObject(noStore);
    for (const name of shared) expect(Object.keys(received.headers)).not.toContain(name);
    expect(received.body).toBe('{"id":"p1","name":"Lamp"}');
  });

  test('what was invalidated while it was loaded', async () => {
    const row = Promise.withResolvers<Product>();
    load = () => row.promise;
    const asking = ask(`${web.url}/products/p1`);
    await vi.waitFor(() => expect(cache.stats().loads).toBe(1));
    await cache.invalidateTags('catalog');
    row.resolve({ id: 'p1', name: 'old' });
    const { status, headers, body } = await asking;
    expect({ status, body }).toEqual({ status: 200, body: '{"id":"p1","name":"old"}' });
    expect(headers).toMatchObject({ ...noStore, 'cache-status': 'product; fwd=miss; ttl=0' });
  });
});

test('what was set while it was loaded makes the loaded value one that nobody may keep', async () => {
  const row = Promise.withResolvers<Product>();
  load = () => row.promise;
  const asking = ask(`${web.url}/products/p1`);
  await vi.waitFor(() => expect(cache.stats().loads).toBe(1));
  await cache.set('p1', { id: 'p1', name: 'new' });
  row.resolve({ id: 'p1', name: 'old' });
  const { headers, body } = await asking;
  expect(body).toBe('{"id":"p1","name":"old"}');
  expect(headers).toMatchObject(noStore);
});

test('a reload goes to the loader for those who may, and for nobody else', async () => {
  const reload = { 'Cache-Control': 'no-cache' };
  const loadsAfter = async (path: string, headers = {}) => {
    await ask(web.url + path, headers);
    return cache.stats().loads;
  };
  expect(await loadsAfter('/edited/p1')).toBe(1);
  expect(await loadsAfter('/edited/p1', reload)).toBe(1);
  expect(await loadsAfter('/products/p1', reload)).toBe(1);
  expect(await loadsAfter('/edited/p1?editor')).toBe(1);
  expect(await loadsAfter('/edited/p1?editor', reload)).toBe(2);
});

test('a function may mark public what has Authorization', async () => {
  const { headers } = await ask(`${web.url}/decides/p1?all`, { Authorization: 'Bearer x' });
  expect(headers['cache-control']).toMatch(/^public/);
});

test('an error has no header that lets anybody keep it, and goes to the error handler', async () => {
  load = () => Promise.reject(new Error('the database is away'));
  const { status, headers, body } = await ask(`${web.url}/products/p1`);
  expect({ status, body }).toEqual({ status: 500, body: 'the database is away' });
  for (const name of [...shared, 'cache-control', 'cdn-cache-control']) {
    expect(Object.keys(headers)).not.toContain(name);
  }
});

test('where there is none the next handler answers', async () => {
  load = async () => undefined;
  expect((await ask(`${web.url}/any/p1`)).body).toBe('not from the cache');
  expect((await ask(`${web.url}/products/p1`)).status).toBe(404);
});

test('a client that hangs up stops the load that nobody else waits for, and no error is made of it', async () => {
  const errors: unknown[] = [];
  const signals: AbortSignal[] = [];
  const app = express();
  app.get(
    '/slow',
    cached(cache, {
      key: () => 'slow',
      load: (_request, { signal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    }),
  );
  app.use((error: unknown, _request: unknown, _response: unknown, _next: unknown) => {
    errors.push(error);
  });
  const slow = await listen(app);
  const sent = request(`${slow.url}/slow`).on('error', () => undefined);
  sent.end();
  await vi.waitFor(() => expect(signals).toHaveLength(1));
  sent.destroy();
  await vi.waitFor(() => expect(signals[0]?.aborted).toBe(true));
  await slow.stop();
  expect(errors).toEqual([]);
});

describe('sendEntry, without Express', () => {
  const bodies: [value: unknown, before: string | undefined, type: string, body: string][] = [
    [{ a: 1 }, undefined, 'application/json; charset=utf-8', '{"a":1}'],
    [null, undefined, 'application/json; charset=utf-8', 'null'],
    ['text', undefined, 'text/plain; charset=utf-8', 'text'],
    ['<p>', 'text/html', 'text/html', '<p>'],
    [Buffer.from('bytes'), undefined, 'application/octet-stream', 'bytes'],
    [{ a: 1 }, 'application/hal+json', 'application/hal+json', '{"a":1}'],
  ];
  test.each(bodies)('sends %j with type %s as %s', async (value, before, type, body) => {
    const server = await listen((request, response) => {
      if (before) response.setHeader('Content-Type', before);
      sendEntry(request, response, {
        value,
        ageMs: 0,
        ttlMs: 1000,
        tags: [],
        tier: 'l2',
        etag: '1',
      });
    });
    const received = await ask(server.url);
    expect(received.body).toBe(body);
    expect(received.headers).toMatchObject({ 'content-type': type, etag: '"1"' });
    await server.stop();
  });

  test('a 304 has no type, though one was set', async () => {
    const server = await listen((request, response) => {
      response.setHeader('Content-Type', 'text/html');
      const entry = { value: '<p>', ageMs: 0, ttlMs: 1000, tags: [], tier: 'l2', etag: '1' };
      sendEntry(request, response, entry);
    });
    const { status, headers } = await ask(server.url, { 'If-None-Match': '"1"' });
    expect(status).toBe(304);
    expect(Object.keys(headers)).not.toContain('content-type');
    await server.stop();
  });

  test('makes no body for a client that has it', async () => {
    let made = 0;
    const value = { toJSON: () => ++made };
    const server = await listen((request, response) => {
      sendEntry(request, response, { value, ageMs: 0, ttlMs: 0, tags: [], tier: 'l2', etag: '1' });
    });
    expect((await ask(server.url, { 'If-None-Match': '"1"' })).status).toBe(304);
    expect(made).toBe(0);
    expect((await ask(server.url)).body).toBe('1');
    await server.stop();
  });

  test('refuses what has no JSON before a header is set', async () => {
    const server = createServer((request, response) => {
      const entry = { value: Symbol('none'), ageMs: 0, ttlMs: 1000, tags: [], tier: 'l2' };
      expect(() => sendEntry(request, response, entry, { isPublic: true })).toThrow(
        new TypeError('a symbol has no JSON'),
      );
      response.end(JSON.stringify(response.getHeaders()));
    });
    const plain = await listen((...args) => server.emit('request', ...args));
    expect((await ask(plain.url)).body).toBe('{}');
    await plain.stop();
  });
});
