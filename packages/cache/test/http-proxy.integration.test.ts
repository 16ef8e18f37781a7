import { setTimeout as sleep } from 'node:timers/promises';
import { type Cache, createCache } from '@shopgpt/cache';
import { cached } from '@shopgpt/cache/http';
import { manualClock } from '@shopgpt/cache/testing';
import { startNginx } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import express from 'express';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { ask, listen, type Web } from './web.ts';

/** Of what a test waits for to be over. */
const shortMs = 2900;
const longMs = 300_000;

const clock = manualClock();
/** The service behind nginx; each test asks for a path of its own. */
let service: Web;
let cache: Cache<string>;
let aging: Cache<string>;
let price = 19;
let mood: 'works' | 'fails' | 'hangs up' = 'works';
/** Paths that reached the service. */
const asked: string[] = [];

const nginx = useServer(async () => {
  service = await listen(makeApp());
  return startNginx({ upstream: service.url });
});
afterAll(async () => {
  await Promise.all([cache.close({ timeoutMs: 0 }), aging.close()]);
  await service.stop();
});
beforeEach(() => {
  mood = 'works';
  price = 19;
});

function makeApp() {
  cache = createCache<string>({ name: 'price', ttlMs: shortMs });
  aging = createCache<string>({ name: 'aging', ttlMs: longMs, clock });
  const app = express();
  app.use(({ path }, response, next) => {
    asked.push(path);
    if (mood === 'hangs up') response.destroy();
    else next();
  });
  const prices = (options = {}) =>
    cached(cache, {
      key: (request: express.Request) => `${request.path} ${request.get('accept-language')}`,
      load: (request: express.Request, { setTtl }) => {
        if (mood === 'fails') throw new Error('the database is away');
        if (!request.path.startsWith('/short')) setTtl(longMs);
        return `${price} ${request.get('accept-language')}`;
      },
      isPublic: true,
      ...options,
    });
  app.get('/private', prices({ isPublic: false }));
  app.get('/short-revalidate', prices({ staleWhileRevalidateMs: 60_000 }));
  app.get('/short-if-error', prices({ staleIfErrorMs: 60_000 }));
  app.get('/vary', (_request, response, next) => {
    response.vary('Accept-Language');
    next();
  });
  app.get('/cookie', (_request, response, next) => {
    response.cookie('session', '1');
    next();
  });
  app.get('/aged', cached(aging, { key: () => 'a', load: () => 'value', isPublic: true }));
  app.get('/*path', prices());
  return app;
}

/** How often a path reached the service. */
const arrivals = (path: string) => asked.filter((one) => one === path).length;

async function get(path: string, headers: Record<string, string> = {}) {
  const { status, body, headers: received } = await ask(nginx().url + path, headers);
  return { status, body, by: received['x-cache'], etag: `${received['etag']}` };
}

/** Asks until nginx says that it did this. */
async function until(by: string, path: string) {
  return vi.waitFor(
    async () => {
      const received = await get(path);
      expect(received.by).toBe(by);
      return received;
    },
    { timeout: 8000, interval: 50 },
  );
}

test('nginx answers for the service, with 304 too, as long as a response is fresh', async () => {
  const { etag } = await get('/kept');
  expect(await get('/kept')).toMatchObject({ status: 200, body: '19 undefined', by: 'HIT' });
  expect(await get('/kept', { 'If-None-Match': etag })).toMatchObject({ status: 304, body: '' });
  expect(arrivals('/kept')).toBe(1);
});

test('nginx asks again when it is over, and is told by 304 that nothing has changed', async () => {
  await get('/short');
  const { body } = await until('REVALIDATED', '/short');
  expect(body).toBe('19 undefined');
  expect(arrivals('/short')).toBe(2);
  price = 20;
  await vi.waitFor(async () => expect((await get('/short')).body).toBe('20 undefined'), {
    timeout: 8000,
  });
});

test('nginx keeps nothing that is private, has a cookie, or answers Authorization', async () => {
  for (const path of ['/private', '/cookie']) {
    await get(path);
    expect((await get(path)).by).toBe('MISS');
    expect(arrivals(path)).toBe(2);
  }
  await get('/login', { Authorization: 'Bearer x' });
  expect((await get('/login')).by).toBe('MISS');
  expect((await get('/login')).by).toBe('HIT');
});

test('nginx keeps no error', async () => {
  mood = 'fails';
  expect((await get('/error')).status).toBe(500);
  mood = 'works';
  expect(await get('/error')).toMatchObject({ status: 200, by: 'MISS' });
});

test('nginx keeps a response for each language', async () => {
  const languages = ['de', 'en', 'de', 'en'];
  const answers: unknown[] = [];
  for (const language of languages) {
    const { body, by } = await get('/vary', { 'Accept-Language': language });
    answers.push([body, by]);
  }
  expect(answers).toEqual([
    ['19 de', 'MISS'],
    ['19 en', 'MISS'],
    ['19 de', 'HIT'],
    ['19 en', 'HIT'],
  ]);
});

test('nginx serves what is over while it asks for a new one, where it may', async () => {
  await get('/short-revalidate');
  price = 20;
  const stale = await until('STALE', '/short-revalidate');
  expect(stale.body).toBe('19 undefined');
  await vi.waitFor(async () => expect((await get('/short-revalidate')).body).toBe('20 undefined'), {
    timeout: 8000,
  });
});

test('nginx serves what is over while the service is away, where it may', async () => {
  await get('/short-if-error');
  mood = 'hangs up';
  expect(await until('STALE', '/short-if-error')).toMatchObject({
    status: 200,
    body: '19 undefined',
  });
});

test('nginx does not look at Age: it keeps a response for its whole ttl once more', async () => {
  await aging.getOrSet('a', () => 'value');
  clock.advance(longMs - 1000);
  const { headers } = await ask(`${service.url}/aged`);
  expect(headers).toMatchObject({ age: '299', 'cdn-cache-control': 'max-age=300' });
  await get('/aged');
  await sleep(2500);
  expect((await get('/aged')).by).toBe('HIT');
});
