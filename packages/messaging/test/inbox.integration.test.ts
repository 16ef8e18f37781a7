import { randomUUID } from 'node:crypto';
import { createMessaging } from '@shopgpt/messaging';
import { memory } from '@shopgpt/messaging/memory';
import { inbox, inboxSchema, outbox, relay } from '@shopgpt/messaging/postgres';
import { startPgBouncer, startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { newPool, setUp, until } from './outbox/set-up.ts';

const server = useServer(startPostgres, { own: true });

async function newInbox(pool: pg.Pool): Promise<string> {
  const table = `inbox_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  await pool.query(inboxSchema({ table }));
  return table;
}

const at = (offset: number, headers = {}) => ({
  headers,
  topic: 't',
  partition: 0,
  offset,
  group: 'g',
});

/** Does something in a transaction, as a handler would. */
async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>) {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

describe('inbox', () => {
  test('a message is new once for each group, by its id and otherwise by its place', async () => {
    const { pool } = await setUp(server);
    const table = await newInbox(pool);
    const once = (message: ReturnType<typeof at>) => inbox.once(pool, message, { table });
    expect(await once(at(1))).toBe(true);
    expect(await once(at(1))).toBe(false);
    expect(await once(at(2))).toBe(true);
    expect(await once({ ...at(1), group: 'other' })).toBe(true);
    expect(await once(at(3, { 'x-message-id': 'id' }))).toBe(true);
    expect(await once(at(4, { 'x-message-id': 'id' }))).toBe(false);
  });

  test('is new again when the transaction that noted it was rolled back', async () => {
    const { pool } = await setUp(server);
    const table = await newInbox(pool);
    const failing = inTransaction(pool, async (client) => {
      expect(await inbox.once(client, at(1), { table })).toBe(true);
      throw new Error('the handler failed');
    });
    await expect(failing).rejects.toThrow('the handler failed');
    expect(await inbox.once(pool, at(1), { table })).toBe(true);
  });

  test('a message that two handle at once is new for one of them', async () => {
    const { pool } = await setUp(server);
    const table = await newInbox(pool);
    const news = await Promise.all(
      Array.from({ length: 5 }, () =>
        inTransaction(pool, (client) => inbox.once(client, at(1), { table })),
      ),
    );
    expect(news.filter((isNew) => isNew)).toHaveLength(1);
  });

  test('forgets old messages in batches, and waits for no handler', async () => {
    const { pool } = await setUp(server);
    const table = await newInbox(pool);
    await pool.query(
      `insert into ${table} select 'g', n, now() - interval '1 day' from generate_series(1, 2500) n`,
    );
    const writer = await pool.connect();
    await writer.query('begin');
    await writer.query(`select from ${table} where message_id = '7' for update`);
    expect(await inbox.once(writer, at(1), { table })).toBe(true);
    const cleaned = await inbox.cleanUp(pool, { table, olderThanMs: 60_000 });
    expect(cleaned).toBe(2_499);
    await writer.query('commit');
    writer.release();
    expect(await inbox.cleanUp(pool, { table, olderThanMs: 60_000 })).toBe(1);
    const { rows } = await pool.query(`select message_id from ${table}`);
    expect(rows).toEqual([{ message_id: 't/0/1' }]);
    await expect(inbox.cleanUp(pool, { table, olderThanMs: -1 })).rejects.toThrow('olderThanMs');
    await expect(inbox.cleanUp(pool, { table, olderThanMs: 0, batchSize: 0 })).rejects.toThrow(
      'batchSize must be a positive integer, got 0',
    );
  });
});

test('from outbox to inbox every effect happens once, although everything is repeated', async () => {
  const outboxOf = await setUp(server);
  const { topic, broker, pool, sender, enqueue, sent, waiting } = outboxOf;
  const table = await newInbox(pool);
  const effects = `effects_${table}`;
  await pool.query(`create table ${effects} (key text, n int)`);
  let deliveries = 0;
  const readers = [1, 2].map(() => {
    const { relay: one, messaging } = sender({ batchSize: 20 });
    messaging.subscribe(
      topic,
      async (message, ctx) => {
        deliveries += 1;
        await inTransaction(pool, async (client) => {
          if (!(await inbox.once(client, ctx, { table }))) return;
          await client.query(`insert into ${effects} values ($1, $2)`, [message.key, message.n]);
          if (Math.random() < 0.1) throw new Error('the handler fails before it commits');
        });
        if (Math.random() < 0.1) throw new Error('the handler fails after it committed');
      },
      { group: 'g', concurrency: 2, from: 'earliest' },
    );
    return { one, messaging };
  });
  for (let n = 0; n < 40; n += 1) {
    await enqueue(...['a', 'b', 'c', 'd', 'e'].map((key) => ({ key, n })));
  }
  await pool.query(`create table ${outboxOf.table}_copy as table ${outboxOf.table}`);
  for (const { one, messaging } of readers) {
    await one.start();
    await messaging.start();
  }
  broker.dropResponses({ api: 'produce', when: () => Math.random() < 0.2 });
  for (let round = 0; round < 3; round += 1) {
    broker.evict('g');
    await pool.query(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted",
    );
    await until('all is sent', async () => (await waiting()) === 0);
    // As if the relay had died before it could delete them.
    await pool.query(
      `insert into ${outboxOf.table} overriding system value table ${outboxOf.table}_copy`,
    );
  }
  await until('all is sent', async () => (await waiting()) === 0);
  const count = async () => {
    const { rows } = await pool.query(
      `select count(*)::int as all, count(distinct (key, n))::int as distinct from ${effects}`,
    );
    return rows[0];
  };
  await until('all is delivered', () => deliveries >= 800, 30_000);
  expect(sent().length).toBeGreaterThanOrEqual(800);
  expect(await count()).toEqual({ all: 200, distinct: 200 });
});

describe('behind PgBouncer', () => {
  const pooler = useServer(() => startPgBouncer({ target: server().url }));

  test('enqueue and inbox work, and the relay says that it needs a direct connection', async () => {
    const { topic, table, pool, waiting } = await setUp(server);
    const inboxTable = await newInbox(pool);
    const pooled = newPool(pooler().url);
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        inTransaction(pooled, async (client) => {
          await outbox.enqueue(client, topic, { key: 'k', n }, { table });
          expect(await inbox.once(client, at(n), { table: inboxTable })).toBe(true);
        }),
      ),
    );
    expect(await waiting()).toBe(20);
    const messaging = createMessaging({ name: 'test', driver: memory() });
    const refused = relay({ pool: pooled, messaging, table });
    await expect(refused.start()).rejects.toMatchObject({
      code: 'ERR_MESSAGING_POOLED_CONNECTION',
      message: expect.stringContaining('needs a direct connection to PostgreSQL'),
    });
    expect(refused.health()).toMatchObject({
      status: 'down',
      reasons: [expect.stringContaining('PooledConnectionError')],
    });
    expect(refused.stats().connectionFailures).toBe(1);
    await refused.close();
    await messaging.close();
  });
});
