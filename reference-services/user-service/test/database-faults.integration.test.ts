import { startPostgres, startProxy } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDatabase, sql } from './support/database.ts';
import { type Answer, type Service, startService } from './support/service.ts';

const deadlineMs = 3_000;
const ttlMs = 300;
const unknown = '01a20435-0000-7000-8000-000000000000';
const patience = { timeout: 20_000, interval: 50 };

const postgres = useServer(startPostgres, { own: true });
let url = '';
let proxy: Awaited<ReturnType<typeof startProxy>>;
let service: Service;
let known = '';

beforeAll(async () => {
  url = await createDatabase(postgres().url);
  proxy = await startProxy({ target: url });
  service = await startService({
    DATABASE_URL: proxy.url(),
    DEADLINE_MS: String(deadlineMs),
    CACHE_TTL_MS: String(ttlMs),
  });
});
afterAll(async () => {
  await service.stop();
  await proxy.stop();
});

beforeEach(async () => {
  await sql(url, 'DELETE FROM users');
  known = `/users/${(await create('known@example.com')).body['id']}`;
  await service.get(known);
});

const create = (email: string) =>
  service.call('POST', '/users', { json: { email, name: 'Somebody' } });

function expectRefused(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(answer.ms).toBeLessThan(deadlineMs);
}

async function untilRecovered(): Promise<void> {
  await vi.waitFor(async () => {
    expect((await service.get('/readyz')).status).toBe(200);
    expect((await service.get('/users')).status).toBe(200);
  }, patience);
}

/** Holds a lock, so that a write waits in the database until the lock is let go. */
async function locked(lock: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN');
  await client.query(lock);
  return client;
}

const waiting = `
  SELECT FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock'`;

const faults = [
  ['killed', () => postgres().kill(), () => postgres().restart()],
  ['paused', () => postgres().pause(), () => postgres().resume()],
  ['black-holed', async () => proxy.blackHole(), async () => proxy.heal()],
] as const;

describe.each(faults)('with the database %s', (_, harm, heal) => {
  test('a cached user is answered and marked, everything else is refused, and it recovers by itself', async () => {
    await harm();
    try {
      // Reads of who is cached: never an error.
      const stale = await vi.waitFor(async () => {
        const answer = await service.get(known);
        expect(answer.status).toBe(200);
        expect(answer.headers.get('cache-status')).toMatch(/fwd=stale/);
        return answer;
      }, patience);
      expect(stale.ms).toBeLessThan(deadlineMs);
      expect(stale.body).toMatchObject({ email: 'known@example.com' });
      expect(stale.headers.get('cache-status')).toMatch(
        /^user-service; fwd=stale; ttl=-?\d+; detail=database-away$/,
      );
      expect(Number(stale.headers.get('age'))).toBeGreaterThanOrEqual(0);

      const absent = await service.get(`/users/${unknown}`);
      expectRefused(absent);
      expect(absent.headers.get('cache-status')).toBe('user-service; fwd=miss');
      expectRefused(await service.get('/users'));

      // Writes, and a crowd of them: each is told what became of it.
      const emails = Array.from({ length: 30 }, (_, n) => `new-${n}@example.com`);
      const writes = await Promise.all(emails.map(create));
      for (const answer of writes) expectRefused(answer);
      expectRefused(await service.call('PATCH', known, { json: { name: 'Changed' } }));
      expectRefused(await service.call('DELETE', known));
      expect((await service.get(known)).status).toBe(200);
      expect(service.output).toContain('"msg":"the breaker is open"');

      expect((await service.get('/livez')).status).toBe(200);
      expect(await service.get('/readyz')).toMatchObject({
        status: 503,
        body: { degraded: ['database'] },
      });
      expect((await service.get('/health')).body).toMatchObject({
        status: 'degraded',
        dependencies: { database: 'down', redis: 'off' },
      });

      await heal();
      await untilRecovered();
      // What was refused as "nothing was changed" was not: only an unknown outcome may have been carried out.
      const rows = await sql(url, 'SELECT email FROM users');
      const stored = new Set(rows.map(({ email }) => email));
      const refused = emails.filter(
        (_, n) => writes[n]?.body['type'] !== 'urn:shopgpt:problem:outcome-unknown',
      );
      expect(refused.filter((email) => stored.has(email))).toEqual([]);
      expect((await create('after@example.com')).status).toBe(201);
      await vi.waitFor(async () => {
        const answer = await service.get(known);
        expect(answer.headers.get('cache-status')).not.toMatch(/stale/);
        expect(answer.body).toMatchObject({ email: 'known@example.com', name: 'Somebody' });
      }, patience);
    } finally {
      await heal().catch(() => undefined);
    }
  });
});

test('a write whose connection dies before its commit changed nothing, and says so', async () => {
  const lock = await locked('SELECT FROM users FOR UPDATE');
  const change = service.call('PATCH', known, { json: { name: 'Changed' } });
  await expect.poll(() => sql(url, waiting)).toHaveLength(1);
  proxy.cut();
  const answer = await change;
  proxy.heal();
  expectRefused(answer);
  expect(answer.body).toMatchObject({ type: 'urn:shopgpt:problem:unavailable' });
  await lock.query('COMMIT');
  await lock.end();
  // The server goes on until it notices, and then takes back what it did.
  await expect.poll(() => sql(url, 'SELECT FROM pg_locks WHERE NOT granted')).toEqual([]);
  await untilRecovered();
  expect((await service.get(known)).body).toMatchObject({ name: 'Somebody', version: 1 });
});

describe('with commits that take as long as somebody holds a lock', () => {
  const lockIt = 'SELECT pg_advisory_xact_lock(1)';
  beforeAll(async () => {
    await sql(
      url,
      `CREATE FUNCTION wait_for_lock() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$;
       CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT OR UPDATE ON users
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_lock()`,
    );
  });
  afterAll(() => sql(url, 'DROP FUNCTION wait_for_lock CASCADE'));

  /** A write whose connection is cut between its commit and the answer. */
  async function cutAtCommit(write: () => Promise<Answer>): Promise<Answer> {
    const lock = await locked(lockIt);
    const written = write();
    await expect.poll(() => sql(url, waiting)).toHaveLength(1);
    proxy.cut();
    const answer = await written;
    proxy.heal();
    await lock.query('COMMIT');
    await lock.end();
    return answer;
  }

  test('a write whose connection dies before the answer has an unknown outcome, and says so', async () => {
    const json = { name: 'Changed' };
    const answer = await cutAtCommit(() => service.call('PATCH', known, { json }));
    expectRefused(answer);
    expect(answer.body).toMatchObject({ type: 'urn:shopgpt:problem:outcome-unknown' });
    // The server was not told: it carries the change out all the same.
    await expect.poll(() => sql(url, 'SELECT name FROM users')).toEqual([{ name: 'Changed' }]);
    await untilRecovered();
    expect((await service.get(known)).body).toMatchObject({ name: 'Changed' });
  });

  test('who repeats a creation of unknown outcome is led to the user that it made', async () => {
    const answer = await cutAtCommit(() => create('new@example.com'));
    expectRefused(answer);
    expect(answer.body).toMatchObject({ type: 'urn:shopgpt:problem:outcome-unknown' });
    const made = `SELECT id FROM users WHERE email = 'new@example.com'`;
    await expect.poll(() => sql(url, made)).toHaveLength(1);
    await untilRecovered();
    const [user] = await sql(url, made);
    const again = await create('new@example.com');
    expect(again).toMatchObject({ status: 409, body: { user: `/users/${user?.['id']}` } });
  });
});

test('a write that takes too long is cancelled by the server: a clear refusal, nothing changed', async () => {
  const lock = await locked('SELECT FROM users FOR UPDATE');
  const answer = await service.call('PATCH', known, { json: { name: 'Changed' } });
  await lock.query('COMMIT');
  await lock.end();
  expectRefused(answer);
  expect(answer.body).toMatchObject({ type: 'urn:shopgpt:problem:unavailable' });
  expect(await sql(url, 'SELECT name FROM users')).toEqual([{ name: 'Somebody' }]);
  expect((await service.get(known)).body).toMatchObject({ name: 'Somebody' });
});

test('a crowd that waits for a hanging database is refused within the deadline, and leaves no queue', async () => {
  proxy.blackHole();
  try {
    const answers = await Promise.all(Array.from({ length: 400 }, () => service.get('/users')));
    for (const answer of answers) expect(answer.status).toBe(503);
  } finally {
    proxy.heal();
  }
  await untilRecovered();
  const { body } = await service.get('/stats');
  expect(body['pool']).toMatchObject({ waiting: 0 });
});

test('a user who was removed does not come back when the database goes away', async () => {
  await service.call('DELETE', known);
  proxy.cut();
  try {
    expect((await service.get(known)).status).toBe(503);
  } finally {
    proxy.heal();
  }
  await untilRecovered();
});
