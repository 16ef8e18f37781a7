import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import pg from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDatabase, dropDatabase, sql } from './support/database.ts';
import { apiToken, type Service, startService } from './support/service.ts';

const postgres = useServer(startPostgres);
const patience = { timeout: 20_000, interval: 20 };
let url = '';
let service: Service;

beforeEach(async () => {
  url = await createDatabase(postgres().url);
  service = await startService({
    DATABASE_URL: url,
    DEADLINE_MS: '20000',
    SHUTDOWN_TIMEOUT_MS: '5000',
  });
});
afterEach(async () => {
  service.signal('SIGKILL');
  await service.ended();
  await dropDatabase(postgres().url, url);
});

const create = (email: string) =>
  service.call('POST', '/users', { json: { email, name: 'Somebody' } });

/** A change that waits for a lock, until the lock is let go. */
async function changeUnderWay() {
  const path = `/users/${(await create('known@example.com')).body['id']}`;
  const lock = new pg.Client({ connectionString: url });
  await lock.connect();
  lock.on('error', () => undefined);
  await lock.query('BEGIN; SELECT FROM users FOR UPDATE');
  const answer = service.call('PATCH', path, { json: { name: 'Changed' } });
  answer.catch(() => undefined);
  const waiting = `SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  await expect.poll(() => sql(url, waiting)).toHaveLength(1);
  const letGo = async () => {
    await lock.query('COMMIT');
    await lock.end();
  };
  return { answer, letGo };
}

async function slowRequest(): Promise<Socket> {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    `POST /users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${apiToken}\r\n` +
      'content-type: application/json\r\ncontent-length: 100\r\n\r\n{',
  );
  await vi.waitFor(async () => expect(socket.connecting).toBe(false), patience);
  return socket;
}

/** Asks on a connection of the agent, and gives what the answer says of the connection. */
async function connectionHeader(agent: Agent): Promise<string | undefined> {
  const [response] = (await once(request(`${service.url}/livez`, { agent }).end(), 'response')) as [
    IncomingMessage,
  ];
  response.resume();
  await once(response, 'end');
  return response.headers.connection;
}

test('under load no accepted request is lost: every user that was stored was acknowledged', async () => {
  const acknowledged = new Set<unknown>();
  const statuses = new Set<number>();
  let isStopped = false;
  const client = async (name: number) => {
    for (let n = 0; !isStopped; n += 1) {
      const email = `client-${name}-${n}@example.com`;
      try {
        const { status } = await create(email);
        statuses.add(status);
        if (status === 201) acknowledged.add(email);
      } catch {
        return; // refused before it was accepted; were it stored, the comparison below would show it
      }
    }
  };
  const clients = Array.from({ length: 16 }, (_, name) => client(name));
  await vi.waitFor(() => expect(acknowledged.size).toBeGreaterThan(100), patience);
  const code = await service.stop();
  isStopped = true;
  await Promise.all(clients);
  expect(code).toBe(0);
  expect([...statuses]).toEqual([201]);
  const stored = (await sql(url, 'SELECT email FROM users')).map(({ email }) => email);
  expect(stored.sort()).toEqual([...acknowledged].sort());
});

test('a request under way is answered, the service is not ready meanwhile, then it exits with 0', async () => {
  const { answer, letGo } = await changeUnderWay();
  service.signal('SIGTERM');
  await vi.waitFor(() => expect(service.output).toContain('stopping'), patience);
  const ready = await service.get('/readyz').catch(() => undefined);
  if (ready) expect(ready).toMatchObject({ status: 503, body: { stopping: true } });
  await vi.waitFor(() => expect(service.get('/livez')).rejects.toThrow(), patience);
  await letGo();
  expect(await answer).toMatchObject({ status: 200, body: { name: 'Changed' } });
  expect((await answer).headers.get('connection')).toBe('close');
  expect(await service.ended()).toBe(0);
  expect(service.output).toContain('"msg":"stopped"');
});

test('a request that never ends is cut when the time is over', async () => {
  const socket = await slowRequest();
  const startedAtMs = performance.now();
  expect(await service.stop()).toBe(0);
  expect(performance.now() - startedAtMs).toBeLessThan(10_000);
  socket.destroy();
});

test('a second signal ends it at once', async () => {
  const { answer, letGo } = await changeUnderWay();
  service.signal('SIGINT');
  await vi.waitFor(() => expect(service.output).toContain('stopping'), patience);
  service.signal('SIGINT');
  expect(await service.ended()).toBe(1);
  await expect(answer).rejects.toThrow();
  await letGo();
});

test('a client that keeps its connection is told to go before it is closed', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await connectionHeader(agent);
    service.signal('SIGTERM');
    await vi.waitFor(async () => expect(await connectionHeader(agent)).toBe('close'), {
      ...patience,
      interval: 1,
    });
    expect(await service.ended()).toBe(0);
  } finally {
    agent.destroy();
  }
});

test('an idle client does not keep it from stopping', async () => {
  await service.get('/livez'); // leaves a connection that is kept alive
  expect(await service.stop()).toBe(0);
});

test('it ends also when nobody reads its log any more', async () => {
  service.hangUp();
  expect(await service.stop()).toBe(0);
});
