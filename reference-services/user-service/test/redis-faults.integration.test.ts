import {
  startPostgres,
  startProxy,
  startRedis,
  startValkey,
  type TestServer,
} from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createDatabase, dropDatabase } from './support/database.ts';
import { type Service, startService } from './support/service.ts';

const postgres = useServer(startPostgres);
const patience = { timeout: 20_000, interval: 50 };
const deadlineMs = 2_000;

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
] as const)('on %s', (_name, start) => {
  const redis: () => TestServer = useServer(start, { own: true });
  let url = '';
  let service: Service;
  let serial = 0;

  beforeAll(async () => {
    url = await createDatabase(postgres().url);
    service = await startService({
      DATABASE_URL: url,
      REDIS_URL: redis().url,
      DEADLINE_MS: String(deadlineMs),
      CACHE_L1_TTL_MS: '1', // so that nearly every read asks Redis
    });
  });
  afterAll(async () => {
    await service.stop();
    await dropDatabase(postgres().url, url);
  });

  async function created(): Promise<string> {
    serial += 1;
    const json = { email: `user-${serial}@example.com`, name: 'Ann' };
    const { status, body } = await service.call('POST', '/users', { json });
    expect(status).toBe(201);
    return `/users/${body['id']}`;
  }

  async function untilReadFromRedis(path: string): Promise<void> {
    await vi.waitFor(async () => {
      const status = (await service.get(path)).headers.get('cache-status');
      expect(status).toMatch(/; hit; ttl=\d+; detail=l2$/);
    }, patience);
  }

  async function untilHealthy(): Promise<void> {
    await vi.waitFor(async () => {
      const { body } = await service.get('/health');
      expect(body).toMatchObject({ status: 'ok', dependencies: { redis: 'up' } });
    }, patience);
  }

  test('a user that was read is read again from the shared cache', async () => {
    await untilReadFromRedis(await created());
  });

  test.each([
    ['killed', () => redis().kill(), () => redis().restart()],
    ['paused', () => redis().pause(), () => redis().resume()],
  ])(
    'requests go on while it is %s, and it is used again when it is back',
    async (_, harm, heal) => {
      const known = await created();
      await untilReadFromRedis(known);
      await harm();
      try {
        for (let round = 0; round < 20; round += 1) {
          const answer = await service.get(known);
          expect(answer.status).toBe(200);
          expect(answer.ms).toBeLessThan(deadlineMs);
        }
        const path = await created();
        expect((await service.get(path)).status).toBe(200);
        const changed = await service.call('PATCH', known, { json: { name: 'Changed' } });
        expect(changed.status).toBe(200);
        expect((await service.get(known)).body).toEqual(changed.body);
        expect((await service.call('DELETE', path)).status).toBe(204);
        expect((await service.get(path)).status).toBe(404);
        await vi.waitFor(async () => {
          expect(await service.get('/readyz')).toMatchObject({
            status: 200,
            body: { status: 'ready', degraded: ['redis'] },
          });
        }, patience);
        await heal();
        await untilHealthy();
        // What Redis had from before the outage is not served: the forgotten keys were told to it first.
        for (let round = 0; round < 20; round += 1) {
          expect((await service.get(known)).body).toEqual(changed.body);
          expect((await service.get(path)).status).toBe(404);
        }
        await untilReadFromRedis(known);
      } finally {
        await heal().catch(() => undefined);
      }
    },
  );
});

describe('with a connection to Redis that went dead without a word', () => {
  const redis = useServer(startRedis);

  test('requests go on, the connection is given up, and a new one is made', async () => {
    const proxy = await startProxy({ target: redis().url });
    const url = await createDatabase(postgres().url);
    const service = await startService({ DATABASE_URL: url, REDIS_URL: proxy.url() });
    try {
      await vi.waitFor(async () => {
        expect((await service.get('/health')).body).toMatchObject({ status: 'ok' });
      }, patience);
      proxy.blackHole();
      await vi.waitFor(async () => {
        expect((await service.get('/users')).status).toBe(200);
        expect(await service.get('/readyz')).toMatchObject({ body: { degraded: ['redis'] } });
        expect(service.output).toContain('Redis is away');
      }, patience);
      proxy.heal();
      await vi.waitFor(async () => {
        expect((await service.get('/health')).body).toMatchObject({ status: 'ok' });
      }, patience);
    } finally {
      await service.stop();
      await proxy.stop();
      await dropDatabase(postgres().url, url);
    }
  });
});
