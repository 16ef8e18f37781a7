import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, type Database } from '../src/database/database.ts';
import { DatabaseBusyError, DatabaseUnavailableError } from '../src/database/errors.ts';

const postgres = useServer(startPostgres);
const read = (text: string) => ({ kind: 'read', text }) as const;
let database: Database;

beforeEach(() => {
  database = createDatabase({
    url: postgres().url,
    timeoutMs: 10_000,
    maxOpenConnections: 2,
    maxIdleConnections: 1,
    connectionMaxLifetimeMs: 60_000,
  });
});
afterEach(() => database.close().catch(() => undefined));

test('lets no statement through before its schema is in place', async () => {
  await expect(database.query(read('SELECT 1'))).rejects.toThrow(DatabaseUnavailableError);
  database.open();
  expect(await database.query(read('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
});

test('opens no more connections than it may, and refuses at once when too many wait for one', async () => {
  database.open();
  const outcomes = Array.from({ length: 50 }, () =>
    database.query<{ pid: number }>(read('SELECT pg_backend_pid() AS pid, pg_sleep(0.05)')).then(
      ([row]) => row?.pid,
      (error: unknown) => error,
    ),
  );
  expect(database.stats()).toEqual({ open: 2, idle: 0, waiting: 40 });
  const settled = await Promise.all(outcomes);
  const refused = settled.filter((outcome) => outcome instanceof DatabaseBusyError);
  const pids = new Set(settled.filter((outcome) => typeof outcome === 'number'));
  expect(refused).toHaveLength(8);
  expect(pids.size).toBe(2);
  expect(database.stats()).toEqual({ open: 2, idle: 2, waiting: 0 });
});

test('goes on with the same connection after a statement that the server refused', async () => {
  database.open();
  const pid = read('SELECT pg_backend_pid() AS pid');
  const before = await database.query(pid);
  await expect(database.query(read('SELECT nonsense'))).rejects.toMatchObject({ code: '42703' });
  expect(await database.query(pid)).toEqual(before);
});

test('values never become part of a statement', async () => {
  database.open();
  const text = `'; DROP TABLE users; --`;
  const statement = { kind: 'read', text: 'SELECT $1::text AS text', values: [text] } as const;
  expect(await database.query(statement)).toEqual([{ text }]);
});

describe('a transaction', () => {
  const table = 'CREATE TEMPORARY TABLE t (n integer PRIMARY KEY); INSERT INTO t VALUES (1)';
  const insert = 'INSERT INTO t VALUES ($1)';
  const pid = read('SELECT pg_backend_pid() AS pid');
  const inTable = async () =>
    (await database.query(read('SELECT n FROM t ORDER BY n'))).map(({ n }) => n);
  // One after the other they all have the same connection, and with it the table.
  beforeEach(async () => {
    database.open();
    await database.query({ kind: 'write', text: table });
  });

  test('is committed as a whole, and gives what its work gives', async () => {
    const count = await database.transaction(async (transaction) => {
      await transaction.query(insert, [2]);
      await transaction.query(insert, [3]);
      return (await transaction.query('SELECT FROM t')).rowCount;
    });
    expect(count).toBe(3);
    expect(await inTable()).toEqual([1, 2, 3]);
  });

  test('writes nothing when a statement is refused, and its connection is used again', async () => {
    const before = await database.query(pid);
    const work = database.transaction(async (transaction) => {
      await transaction.query(insert, [2]);
      await transaction.query(insert, [1]);
    });
    await expect(work).rejects.toMatchObject({ code: '23505' });
    expect(await inTable()).toEqual([1]);
    expect(await database.query(pid)).toEqual(before);
  });

  test('writes nothing when its work throws, and says what it threw', async () => {
    const error = new Error('changed my mind');
    const work = database.transaction(async (transaction) => {
      await transaction.query(insert, [2]);
      throw error;
    });
    await expect(work).rejects.toBe(error);
    expect(await inTable()).toEqual([1]);
  });

  test('that is left open ends by itself, and lets its locks go', async () => {
    const left = 'SHOW idle_in_transaction_session_timeout';
    expect(await database.query(read(left))).toEqual([
      { idle_in_transaction_session_timeout: '10s' },
    ]);
  });

  test('whose work goes on after a refusal is not told that it was committed', async () => {
    const work = database.transaction(async (transaction) => {
      await transaction.query(insert, [2]);
      await transaction.query('SELECT nonsense').catch(() => undefined);
    });
    await expect(work).rejects.toThrow('rolled back');
    expect(await inTable()).toEqual([1]);
  });
});

test('finishes what is under way when it is closed, and takes nothing new', async () => {
  database.open();
  const underWay = database.query(read('SELECT 1 AS one, pg_sleep(0.2)'));
  await expect.poll(() => database.stats().open).toBe(1);
  const closed = database.close();
  await expect(database.query(read('SELECT 1'))).rejects.toThrow(DatabaseUnavailableError);
  expect(await underWay).toMatchObject([{ one: 1 }]);
  await closed;
});
