import { createMessaging } from '@shopgpt/messaging';
import { memory } from '@shopgpt/messaging/memory';
import { outbox, outboxSchema, relay } from '@shopgpt/messaging/postgres';
import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { describe, expect, test } from 'vitest';
import { nextRows } from '../src/postgres/outbox-table.ts';
import { newPool, orderBreaks, setUp, until } from './outbox/set-up.ts';

const server = useServer(startPostgres);

describe('what is sent', () => {
  test('what was committed, with its key, its headers and its time, and nothing else', async () => {
    const { topic, broker, table, sender, begin, sent, waiting } = await setUp(server, 1);
    const { relay: one } = sender();
    await one.start();
    const aborted = await begin();
    await aborted.enqueue('a', 0);
    await aborted.rollback();
    const beganMs = Date.now();
    const transaction = await begin();
    const id = await outbox.enqueue(
      transaction.client,
      topic,
      { key: 'ü', n: 1 },
      { table, headers: { tenant: 'acme', bytes: Uint8Array.of(0, 255), none: null } },
    );
    await transaction.commit();
    await until('it is sent', async () => (await waiting()) === 0);
    expect(sent()).toEqual([{ key: 'ü', n: 1, id }]);
    const [record] = broker.log({ topic: topic.name, partition: 0 });
    expect(Buffer.from(record?.key ?? []).toString()).toBe('ü');
    expect(record?.timestamp).toBeGreaterThanOrEqual(beganMs - 1_000);
    const headers = record?.headers.map(([name, value]) => [name, value && [...value]]);
    expect(headers).toEqual([
      ['tenant', [...Buffer.from('acme')]],
      ['bytes', [0, 255]],
      ['none', null],
      ['x-message-id', [...Buffer.from(id)]],
    ]);
    await until('it is counted', () => one.stats().sent === 1);
  });

  test('tombstones and messages without a key', async () => {
    const { topic, broker, table, pool, sender, waiting } = await setUp(server, 1);
    const { z } = await import('zod');
    const nullable = { ...topic, schema: z.null(), key: () => null };
    await outbox.enqueue(pool, nullable, null, { table, key: Uint8Array.of(0, 255) });
    await outbox.enqueue(pool, { ...topic, key: () => null }, { key: 'none', n: 1 }, { table });
    await sender().relay.start();
    await until('they are sent', async () => (await waiting()) === 0);
    const [tombstone, keyless] = broker.log({ topic: topic.name, partition: 0 });
    expect([tombstone?.key && [...tombstone.key], tombstone?.value]).toEqual([[0, 255], null]);
    expect(keyless?.key).toBeNull();
  });

  test('each message once when nothing fails, whoever writes at the same time', async () => {
    const { sender, enqueue, sent, waiting } = await setUp(server);
    await sender({ batchSize: 20 }).relay.start();
    await Promise.all(
      Array.from({ length: 20 }, async (_, writer) => {
        for (let n = 0; n < 10; n += 1) await enqueue({ key: `k${writer}`, n });
      }),
    );
    await until('all is sent', async () => (await waiting()) === 0);
    expect(sent()).toHaveLength(200);
    expect(orderBreaks(sent())).toBe(0);
  });

  test('soon, although it looks rarely: PostgreSQL tells of new rows', async () => {
    const { sender, enqueue, sent } = await setUp(server);
    await sender({ pollMs: 60_000 }).relay.start();
    for (let n = 1; n <= 5; n += 1) {
      await enqueue({ key: 'a', n });
      await until('it is sent', () => sent().length === n, 5_000);
      // It has looked in vain by then, and waits.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  test('also when nobody tells of new rows', async () => {
    const { table, pool, topic, sender, sent } = await setUp(server);
    await sender().relay.start();
    await pool.query(
      `insert into ${table} (id, aggregatetype, type, payload) values (gen_random_uuid(), $1, $1, $2)`,
      [topic.name, Buffer.from('{"key":"k","n":1}')],
    );
    await until('it is sent', () => sent().length === 1, 5_000);
  });

  test('large messages in batches of bounded size', async () => {
    const { table, pool, topic, broker, sender, waiting } = await setUp(server, 1);
    const payload = Buffer.alloc(800_000, 'x');
    for (let i = 0; i < 15; i += 1) {
      await pool.query(
        `insert into ${table} (id, aggregatetype, type, payload) values (gen_random_uuid(), $1, $1, $2)`,
        [topic.name, payload],
      );
    }
    const { rows } = await nextRows(pool, table, 500, []);
    expect(rows).toHaveLength(11);
    await sender().relay.start();
    await until('all is sent', async () => (await waiting()) === 0);
    expect(broker.log({ topic: topic.name, partition: 0 })).toHaveLength(15);
  });
});

describe('order', () => {
  test('a relay that remembers the last row it saw loses those that commit late; this one does not', async () => {
    const { table, pool, sender, begin, sent, waiting } = await setUp(server);
    let last = '0';
    const naive: string[] = [];
    const lookNaively = async () => {
      const { rows } = await pool.query(
        `select sequence, id from ${table} where sequence > $1 order by sequence`,
        [last],
      );
      for (const row of rows) naive.push(row.id);
      last = rows.at(-1)?.sequence ?? last;
    };
    const ids: string[] = [];
    for (let round = 0; round < 20; round += 1) {
      const late = await begin();
      ids.push(await late.enqueue(`late${round}`, round));
      const early = await begin();
      ids.push(await early.enqueue(`early${round}`, round));
      await early.commit();
      await lookNaively();
      await late.commit();
      await lookNaively();
    }
    expect(naive).toHaveLength(20);
    await sender().relay.start();
    await until('all is sent', async () => (await waiting()) === 0);
    expect(new Set(sent().map(({ id }) => id))).toEqual(new Set(ids));
  });

  test('a row waits for every transaction that began to write before its own', async () => {
    const { sender, begin, enqueue, sent } = await setUp(server, 1);
    const { relay: one } = sender();
    await one.start();
    const open = await begin();
    await open.enqueue('k', 1);
    await enqueue({ key: 'k', n: 2 });
    await until('the relay leads', () => one.stats().isLeader);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent()).toEqual([]);
    await open.commit();
    await until('both are sent', () => sent().length === 2);
    expect(sent().map(({ n }) => n)).toEqual([1, 2]);
  });

  test('rows of a key go in the order in which they were written, not in that of transaction ids', async () => {
    const { sender, begin, enqueue, sent } = await setUp(server, 1);
    const early = await begin();
    await enqueue({ key: 'k', n: 1 });
    await early.enqueue('k', 2);
    await early.commit();
    await sender({ batchSize: 1 }).relay.start();
    await until('both are sent', () => sent().length === 2);
    expect(sent().map(({ n }) => n)).toEqual([1, 2]);
  });

  test('a row does not go before one that was written earlier and still waits', async () => {
    const { sender, begin, enqueue, sent } = await setUp(server, 1);
    const { relay: one } = sender();
    const early = await begin();
    const open = await begin();
    await enqueue({ key: 'k', n: 1 });
    await early.enqueue('k', 2);
    await early.commit();
    await one.start();
    await until('the relay leads', () => one.stats().isLeader);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent()).toEqual([]);
    await open.rollback();
    await until('both are sent', () => sent().length === 2);
    expect(sent().map(({ n }) => n)).toEqual([1, 2]);
  });

  test('says how long a transaction is open that holds rows back, and how old they are', async () => {
    const { sender, begin, enqueue } = await setUp(server);
    const open = await begin();
    await enqueue({ key: 'k', n: 1 }, { key: 'k', n: 2 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { relay: one } = sender();
    await one.start();
    await until('it has looked', () => one.stats().backlog === 2);
    expect(one.stats().oldestTransactionMs).toBeGreaterThanOrEqual(200);
    expect(one.stats().oldestMs).toBeGreaterThanOrEqual(150);
    await open.rollback();
  });
});

describe('when the broker fails', () => {
  test('nothing is lost and no key overtakes itself while answers and requests get lost', async () => {
    const { broker, topic, sender, enqueue, sent, waiting } = await setUp(server);
    await sender({ batchSize: 50 }).relay.start();
    let turn = 0;
    broker.dropResponses({ api: 'produce', when: () => turn++ % 3 === 0 });
    broker.dropRequests({ api: 'produce', topic: topic.name, when: () => turn % 7 === 0 });
    for (let n = 0; n < 100; n += 1) {
      await enqueue(...['a', 'b', 'c', 'd', 'e'].map((key) => ({ key, n })));
    }
    await until('all is sent', async () => (await waiting()) === 0);
    expect(new Set(sent().map(({ id }) => id)).size).toBe(500);
    expect(orderBreaks(sent())).toBe(0);
  });

  test('waits for a broker that is away', async () => {
    const { broker, sender, enqueue, sent, waiting } = await setUp(server);
    const { relay: one } = sender();
    broker.down();
    await one.start();
    for (let n = 0; n < 20; n += 1) await enqueue({ key: 'k', n });
    await until('it is known', () => one.health().status === 'degraded');
    expect(one.stats().heldTopics).toBe(1);
    expect(await waiting()).toBe(20);
    broker.up();
    await until('all is sent', async () => (await waiting()) === 0);
    expect(sent().map(({ n }) => n)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    await until('it is well', () => one.health().status === 'up');
  });

  test('a topic that is missing holds back its own rows only, and is sent once it is there', async () => {
    const { topic, table, pool, broker, sender, enqueue, sent, waiting } = await setUp(server);
    const missing = { ...topic, name: `${topic.name}-missing` };
    await outbox.enqueue(pool, missing, { key: 'k', n: 1 }, { table });
    await outbox.enqueue(pool, missing, { key: 'k', n: 2 }, { table });
    await enqueue({ key: 'k', n: 3 });
    const { relay: one } = sender();
    await one.start();
    await until('the other is sent', () => sent().length === 1);
    await until('it is said', () => one.health().status === 'degraded');
    expect(one.health().reasons[0]).toContain(`"${missing.name}" waits: there is no topic`);
    await memory({ broker }).admin.create({ name: missing.name, partitions: 1, config: {} });
    await until('all is sent', async () => (await waiting()) === 0);
    const log = broker.log({ topic: missing.name, partition: 0 });
    expect(log.map(({ value }) => JSON.parse(String(value)).n)).toEqual([1, 2]);
  });

  test('after a row that the broker refuses none of its topic goes, until it takes it', async () => {
    const { broker, topic, sender, enqueue, sent, waiting } = await setUp(server, 1);
    let left = 3;
    const end = broker.refuse(
      { api: 'produce', topic: topic.name, when: () => left-- > 0 },
      new Error('no'),
    );
    for (let n = 0; n < 10; n += 1) await enqueue({ key: 'k', n });
    await sender().relay.start();
    await until('all is sent', async () => (await waiting()) === 0);
    end();
    expect(sent().map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe('several relays', () => {
  test('one leads, and another takes over when it is closed', async () => {
    const { sender, enqueue, sent, waiting } = await setUp(server);
    const relays = [sender().relay, sender().relay, sender().relay];
    await Promise.all(relays.map((one) => one.start()));
    const leaders = () => relays.filter((one) => one.stats().isLeader);
    await until('one leads', () => leaders().length === 1);
    for (let n = 0; n < 30; n += 1) {
      await enqueue({ key: 'k', n });
      if (n % 10 === 9) await leaders()[0]?.close();
    }
    expect(leaders()).toHaveLength(0);
    const last = sender().relay;
    await last.start();
    await until('all is sent', async () => (await waiting()) === 0);
    expect(sent().map(({ n }) => n)).toEqual(Array.from({ length: 30 }, (_, n) => n));
  });

  test('a relay whose connection ends gives up at once what it had under way', async () => {
    const { broker, pool, sender, enqueue, sent } = await setUp(server, 1);
    const { relay: one } = sender();
    await one.start();
    await until('it leads', () => one.stats().isLeader);
    let underWay = 0;
    const end = broker.delay(20_000, { api: 'produce', when: () => ++underWay > 0 });
    await enqueue({ key: 'k', n: 1 });
    await until('it is under way', () => underWay > 0);
    end();
    await pool.query(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted",
    );
    await until('it is sent by who leads next', () => sent().length === 1, 4_000);
    expect(one.stats().connectionFailures).toBe(1);
  });

  test('relays of different tables both lead', async () => {
    const [one, other] = [await setUp(server), await setUp(server)];
    const relays = [one.sender().relay, other.sender().relay];
    await Promise.all(relays.map((each) => each.start()));
    await until('both lead', () => relays.every((each) => each.stats().isLeader));
  });
});

describe('closing', () => {
  test('sends what it has begun, and leaves the rest in the outbox', async () => {
    const { broker, sender, enqueue, sent, waiting } = await setUp(server);
    broker.delay(300, { api: 'produce' });
    await enqueue({ key: 'k', n: 1 });
    const { relay: one } = sender({ batchSize: 1 });
    await one.start();
    await until('it leads', () => one.stats().isLeader);
    await enqueue({ key: 'k', n: 2 });
    await one.close();
    expect([sent().length + (await waiting()), one.stats().isLeader]).toEqual([2, false]);
    expect(one.health().status).toBe('down');
  });

  test('is bounded by its time, while the broker is away', async () => {
    const { broker, sender, enqueue, waiting } = await setUp(server);
    await enqueue({ key: 'k', n: 1 });
    const { relay: one } = sender();
    await one.start();
    await until('it is sent', async () => (await waiting()) === 0);
    broker.delay(60_000);
    await enqueue({ key: 'k', n: 2 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const beganMs = performance.now();
    await one.close({ timeoutMs: 200 });
    expect(performance.now() - beganMs).toBeLessThan(2_000);
    expect(await waiting()).toBe(1);
  });

  test('deletes what is in the log, although others of the batch cannot be sent', async () => {
    const { topic, broker, table, pool, sender, enqueue, sent } = await setUp(server);
    const other = { ...topic, name: `${topic.name}-slow` };
    await memory({ broker }).admin.create({ name: other.name, partitions: 1, config: {} });
    broker.delay(60_000, { api: 'produce', topic: other.name });
    await outbox.enqueue(pool, other, { key: 'k', n: 1 }, { table });
    await enqueue({ key: 'k', n: 2 });
    const { relay: one } = sender();
    await one.start();
    await until('it is sent', () => sent().length === 1);
    await one.close({ timeoutMs: 100 });
    const { rows } = await pool.query(`select aggregatetype from ${table}`);
    expect(rows).toEqual([{ aggregatetype: other.name }]);
  });

  test('a relay that never started is closed at once', async () => {
    const { sender } = await setUp(server);
    const { relay: one } = sender();
    expect(one.health().status).toBe('starting');
    await one.close();
    await one.close();
  });

  test('ends its connection, which has a lock and settings of its own', async () => {
    const { table } = await setUp(server);
    const pool = newPool(server().url, 1);
    const messaging = createMessaging({ name: 'test', driver: memory() });
    const one = relay({ pool, messaging, table, pollMs: 50 });
    await one.start();
    await until('it leads', () => one.stats().isLeader);
    // Long enough for it to look several times.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await one.close();
    expect(pool.totalCount).toBe(0);
    const { rows } = await pool.query(
      `select current_setting('idle_session_timeout') as idle, (select count(*)::int from pg_listening_channels()) as channels`,
    );
    expect(rows).toEqual([{ idle: '0', channels: 0 }]);
    await messaging.close();
  });
});

test('a table that is not there yet is said, and found once it is', async () => {
  const { table, pool, sender, enqueue, sent } = await setUp(server);
  await pool.query(`drop table ${table}`);
  const { relay: one } = sender();
  await one.start();
  await until('it is said', () => one.stats().connectionFailures > 0);
  await until('with a reason', () => String(one.health().reasons[0]).includes('does not exist'));
  await pool.query(outboxSchema({ table }));
  await enqueue({ key: 'k', n: 1 });
  await until('it is sent', () => sent().length === 1);
});

test('options that make no sense are refused by name', async () => {
  const messaging = createMessaging({ name: 'test', driver: memory() });
  const pool = { connect: () => Promise.reject(new Error('unused')) };
  const make = (options: object) => () => relay({ pool, messaging, ...options });
  expect(make({ batchSize: 0 })).toThrow('batchSize must be a positive integer, got 0');
  expect(make({ pollMs: 0 })).toThrow('pollMs must be a whole number of ms from 1');
  expect(make({ table: 'Robert"; drop' })).toThrow('table must be a name of small letters');
  expect(make({ pool: {} })).toThrow('pool must have connect()');
  expect(make({ messaging: {} })).toThrow('messaging must come from createMessaging()');
  expect(make({ batch: 1 })).toThrow('relay has no option "batch"');
  await messaging.close();
});
