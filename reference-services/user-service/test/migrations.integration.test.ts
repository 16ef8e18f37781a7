import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isTemporary } from '../src/database/errors.ts';
import { migrate } from '../src/database/migrate.ts';
import type { Migration } from '../src/database/migrations.ts';
import { createDatabase, dropDatabase, sql } from './support/database.ts';
import { runService, type Service, startService } from './support/service.ts';

const postgres = useServer(startPostgres);
const times = { timeoutMs: 5_000, stepTimeoutMs: 5_000 };
const services: Service[] = [];
let url = '';

beforeEach(async () => {
  url = await createDatabase(postgres().url);
});
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
  await dropDatabase(postgres().url, url);
});

function step(name: string, text: string): Migration {
  return { name, sql: text, checksum: `checksum of ${text}` };
}

const history = () => sql(url, 'SELECT name FROM schema_migrations ORDER BY name');

test('five processes that start at once prepare the database exactly once', async () => {
  const started = await Promise.all(
    Array.from({ length: 5 }, () => startService({ DATABASE_URL: url })),
  );
  services.push(...started);
  const applied = started.flatMap(({ output }) => {
    const line = output.split('\n').find((text) => text.includes('"applied":')) ?? '';
    return JSON.parse(line).applied;
  });
  expect(applied.sort()).toEqual(['0001-users.sql', '0002-outbox.sql']);
  expect(await history()).toEqual([{ name: '0001-users.sql' }, { name: '0002-outbox.sql' }]);
  for (const service of started) expect((await service.get('/readyz')).status).toBe(200);
});

test('many replicas apply many steps in order, each once', async () => {
  await sql(url, 'CREATE TABLE log (entry text)');
  const migrations = [1, 2, 3, 4].map((n) =>
    step(`000${n}-step.sql`, `INSERT INTO log VALUES ('${n}'); SELECT pg_sleep(0.02);`),
  );
  const applied = await Promise.all(
    Array.from({ length: 5 }, () => migrate({ url, migrations, ...times })),
  );
  expect(applied.flat().sort()).toEqual(migrations.map(({ name }) => name));
  expect((await sql(url, 'SELECT entry FROM log')).map(({ entry }) => entry).join('')).toBe('1234');
});

test('a step that fails leaves nothing of itself, and those before it stay', async () => {
  const migrations = [
    step('0001-good.sql', 'CREATE TABLE good ()'),
    step('0002-bad.sql', 'CREATE TABLE half (); SELECT no_such_function();'),
  ];
  await expect(migrate({ url, migrations, ...times })).rejects.toThrow('no_such_function');
  expect(await history()).toEqual([{ name: '0001-good.sql' }]);
  const tables = await sql(url, `SELECT to_regclass('good') AS good, to_regclass('half') AS half`);
  expect(tables).toEqual([{ good: 'good', half: null }]);
});

test('waits for another replica in bounded time, and may try again later', async () => {
  const migrations = [step('0001-slow.sql', 'SELECT pg_sleep(3)')];
  const other = migrate({ url, migrations, ...times });
  const isRunning = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query = $1`;
  await expect.poll(() => sql(url, isRunning, ['SELECT pg_sleep(3)'])).toHaveLength(1);
  const error = await migrate({ url, migrations, ...times, stepTimeoutMs: 100 }).catch((e) => e);
  expect(error).toBeInstanceOf(pg.DatabaseError);
  expect(error).toMatchObject({ code: '55P03' });
  expect(isTemporary(error)).toBe(true);
  expect(await other).toEqual(['0001-slow.sql']);
});

test('a step that takes too long is cancelled, and may be tried again', async () => {
  const migrations = [step('0001-slow.sql', 'CREATE TABLE slow (); SELECT pg_sleep(30)')];
  const error = await migrate({ url, migrations, ...times, stepTimeoutMs: 100 }).catch((e) => e);
  expect(error).toMatchObject({ code: '57014' });
  expect(isTemporary(error)).toBe(true);
  expect(await sql(url, `SELECT to_regclass('slow') AS slow`)).toEqual([{ slow: null }]);
});

test.each([
  ['edited', `UPDATE schema_migrations SET checksum = 'x'`, '"0001-users.sql" was edited'],
  ['missing', `INSERT INTO schema_migrations VALUES ('0003-gone.sql', 'x')`, '"0003-gone.sql"'],
])('refuses to start when an applied file is %s', async (_, change, message) => {
  await (await startService({ DATABASE_URL: url })).stop();
  await sql(url, change);
  const { code, output } = await runService({ DATABASE_URL: url });
  expect(code).toBe(1);
  expect(output).toContain(message);
});
