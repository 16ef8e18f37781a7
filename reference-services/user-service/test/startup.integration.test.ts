import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { startPostgres, startProxy } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDatabase, dropDatabase } from './support/database.ts';
import { apiToken, runService, type Service, startService } from './support/service.ts';

const postgres = useServer(startPostgres, { own: true }); // one that asks for a password
const patience = { timeout: 20_000, interval: 50 };
const services: Service[] = [];
let url = '';

beforeEach(async () => {
  url = await createDatabase(postgres().url);
});
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
  await dropDatabase(postgres().url, url);
});

async function start(env: Readonly<Record<string, string>>): Promise<Service> {
  const service = await startService(env);
  services.push(service);
  return service;
}

function changed(change: (url: URL) => void): string {
  const other = new URL(url);
  change(other);
  return other.href;
}

describe.each(['cut', 'blackHole'] as const)('with the database away (%s)', (fault) => {
  test('it lives, is not ready, answers 503, and becomes ready when the database comes', async () => {
    const proxy = await startProxy({ target: url });
    proxy[fault]();
    try {
      const service = await start({ DATABASE_URL: proxy.url(), DEADLINE_MS: '1000' });
      expect((await service.get('/livez')).status).toBe(200);
      expect(await service.get('/readyz')).toMatchObject({
        status: 503,
        body: { status: 'not ready', degraded: ['database'] },
      });
      const answer = await service.get('/users');
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      proxy.heal();
      await vi.waitFor(async () => {
        expect((await service.get('/readyz')).body).toEqual({ status: 'ready', degraded: [] });
      }, patience);
      // The breaker, too, has to notice.
      await vi.waitFor(
        async () => expect((await service.get('/users')).status).toBe(200),
        patience,
      );
    } finally {
      await proxy.stop();
    }
  });
});

describe('one clear message and the end for', () => {
  test('a wrong password, which is not shown', async () => {
    const wrong = changed((other) => {
      other.password = 'not-the-password';
    });
    const { code, output } = await runService({ DATABASE_URL: wrong });
    expect(code).toBe(1);
    expect(output).toMatch(
      /^user-service: cannot use the database postgres:\/\/\w+:\*\*\*@.*: password authentication failed for user "\w+"$/,
    );
    expect(output).not.toContain('not-the-password');
  });

  test('a database that does not exist', async () => {
    const missing = changed((other) => {
      other.pathname = '/no_such_db';
    });
    const { code, output } = await runService({ DATABASE_URL: missing });
    expect(code).toBe(1);
    expect(output).toMatch(/^user-service: cannot use .*: database "no_such_db" does not exist$/);
  });

  test('a configuration with many mistakes, all of them at once and without its secrets', async () => {
    const { code, output } = await runService({
      DATABASE_URL: 'mysql://app:geheim@db/users',
      API_TOKEN: 'too-short',
      PORT: '99999',
      CACHE_TTL_MS: 'soon',
    });
    expect(code).toBe(1);
    expect(output.split('\n')).toHaveLength(5);
    for (const name of ['DATABASE_URL', 'API_TOKEN', 'PORT', 'CACHE_TTL_MS']) {
      expect(output).toContain(name);
    }
    expect(output).not.toMatch(/geheim|too-short/);
  });

  test('a port that is taken', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    try {
      await once(blocker, 'listening');
      const { port } = blocker.address() as AddressInfo;
      const { code, output } = await runService({ DATABASE_URL: url, PORT: String(port) });
      expect(code).toBe(1);
      expect(output).toBe(
        `user-service: listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
      );
    } finally {
      blocker.close();
    }
  });
});

test('the line that says where it listens is JSON, and no line has a secret', async () => {
  const service = await start({ DATABASE_URL: url, LOG_LEVEL: 'trace' });
  const line = service.output.split('\n').find((text) => text.includes('listening')) ?? '';
  expect(JSON.parse(line)).toMatchObject({ msg: 'listening', url: service.url });
  expect(service.output).not.toContain(apiToken);
  expect(service.output).not.toContain(url);
});

test('a log that nobody reads holds up neither its requests nor its end', async () => {
  // Each refusal is a line, and there are more of them than any buffer takes.
  const nowhere = 'postgres://nobody@127.0.0.1:1/user_db';
  const service = await start({ DATABASE_URL: nowhere, LOG_LEVEL: 'debug' });
  service.stopReading();
  for (let round = 0; round < 40; round += 1) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => service.get('/users')));
    for (const { status } of answers) expect(status).toBe(503);
  }
  expect(await service.stop()).toBe(0);
});

test('it stops while it still waits for its database', async () => {
  const proxy = await startProxy({ target: url });
  proxy.cut();
  try {
    const service = await start({ DATABASE_URL: proxy.url() });
    expect(await service.stop()).toBe(0);
  } finally {
    await proxy.stop();
  }
});
