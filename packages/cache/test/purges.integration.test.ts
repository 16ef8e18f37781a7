import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Cache, createCache } from '@shopgpt/cache';
import { headerTag } from '@shopgpt/cache/http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

/** Somewhere a CDN takes purges, by the headers that Fastly's API has. */
class PurgeApi {
  mood: 'works' | 'fails' | 'hangs' = 'works';
  readonly purged = new Set<string>();
  /** How each request ended. */
  readonly answers: (number | 'hung up')[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<PurgeApi> {
    const server = createServer(async (request, response) => {
      const keys = String(request.headers['surrogate-key'] ?? '%all').split(' ');
      await text(request);
      if (api.mood === 'hangs') {
        request.socket.once('close', () => api.answers.push('hung up'));
        return;
      }
      if (api.mood === 'works') for (const key of keys) api.purged.add(key);
      response.statusCode = api.mood === 'works' ? 200 : 503;
      api.answers.push(response.statusCode);
      response.end();
    });
    const api = new PurgeApi(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/purge`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

let api: PurgeApi;
let cache: Cache<string>;

beforeEach(async () => {
  api = await PurgeApi.start();
  const { url } = api;
  cache = createCache<string>({
    name: 'purges',
    ttlMs: 60_000,
    async onInvalidateTags(tags, { signal }) {
      const headers = tags ? { 'Surrogate-Key': tags.map(headerTag).join(' ') } : undefined;
      const response = await fetch(url, { method: 'POST', signal, ...(headers && { headers }) });
      if (!response.ok) throw new Error(`the purge was answered with ${response.status}`);
    },
  });
});
afterEach(async () => {
  await cache.close({ timeoutMs: 0 });
  await api.stop();
});

test('a purge reaches a receiver that fails, then hangs, then comes back', {
  timeout: 30_000,
}, async () => {
  api.mood = 'fails';
  expect(await cache.invalidateTags('catalog', 'two words')).toEqual({ acknowledged: true });
  await vi.waitFor(() => expect(api.answers).toContain(503), { timeout: 5000 });
  api.mood = 'hangs';
  await cache.invalidateTags('later');
  await vi.waitFor(() => expect(api.answers).toContain('hung up'), { timeout: 15_000 });
  expect(api.purged.size).toBe(0);
  api.mood = 'works';
  await vi.waitFor(() => expect(cache.stats().purges.waiting).toBe(0), { timeout: 10_000 });
  expect([...api.purged].sort()).toEqual(['catalog', 'later', 'two%20;words']);
  const { failed, ...others } = cache.stats().purges;
  expect(others).toEqual({ waiting: 0, done: 3, dropped: 0 });
  expect(failed).toBeGreaterThan(1);
});

test('clear purges everything, and close waits for the answer', async () => {
  await cache.clear();
  await cache.close();
  expect([...api.purged]).toEqual(['%all']);
});

test('close leaves a receiver that hangs when its time is over, and hangs up', async () => {
  api.mood = 'hangs';
  await cache.invalidateTags('catalog');
  const startedAt = performance.now();
  await cache.close({ timeoutMs: 300 });
  expect(performance.now() - startedAt).toBeLessThan(3000);
  expect(cache.stats().purges).toEqual({ waiting: 0, done: 0, failed: 1, dropped: 1 });
  await vi.waitFor(() => expect(api.answers).toEqual(['hung up']));
});

test('where nobody listens the purge waits, and nobody else does', async () => {
  await api.stop();
  expect(await cache.invalidateTags('catalog')).toEqual({ acknowledged: true });
  await vi.waitFor(() => expect(cache.stats().purges.failed).toBeGreaterThan(1), { timeout: 5000 });
  expect(cache.stats().purges.waiting).toBe(1);
  api = await PurgeApi.start();
});
