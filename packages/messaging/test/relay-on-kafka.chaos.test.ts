import { setTimeout as sleep } from 'node:timers/promises';
import { createMessaging, headerNames, type StoredRecord } from '@shopgpt/messaging';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { inboxSchema, relay } from '@shopgpt/messaging/postgres';
import { startKafkaCluster, startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka, logLevel } from 'kafkajs';
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { Event } from './outbox/event.ts';
import { Processes, Relays } from './outbox/relays.ts';
import { fillOutbox, newPool, orderBreaks, setUp, until } from './outbox/set-up.ts';

const postgres = useServer(startPostgres, { own: true });
const cluster = useServer(startKafkaCluster, { own: true });
const partitions = 6;

/** An outbox whose topic is on the cluster. */
async function setUpKafka() {
  const scene = await setUp(postgres, partitions);
  const brokers = cluster().url;
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
  const driver = kafkajs(kafka);
  onTestFinished(() => driver.close());
  const { name } = scene.topic;
  await driver.admin.create({ name, partitions, replicationFactor: 3, config: {} });

  /** All that is in the topic, partition after partition. */
  async function readLog(): Promise<StoredRecord[]> {
    const ends = await driver.admin.offsets(name, 'latest');
    const logs = ends.map(async (end, partition) => {
      const log: StoredRecord[] = [];
      for (let offset = 0; offset < end; offset = (log.at(-1)?.offset ?? end) + 1) {
        log.push(...(await driver.admin.read({ topic: name, partition, offset })));
      }
      return log;
    });
    return (await Promise.all(logs)).flat();
  }

  return { ...scene, brokers, kafka, driver, readLog };
}

type Scene = Awaited<ReturnType<typeof setUpKafka>>;

/** Keeps so many transactions coming, of which every third is rolled back, until it is stopped. */
class Writer {
  readonly #scene: Scene;
  readonly #keys: readonly string[];
  readonly #running: Promise<void>;
  #n: number;
  #isOver = false;
  written = 0;
  aborted = 0;

  constructor(scene: Scene, keys: readonly string[], firstN: number) {
    this.#scene = scene;
    this.#keys = keys;
    this.#n = firstN;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#isOver; round += 1) {
      const isAborted = round % 3 === 0;
      const { enqueue, commit, rollback } = await this.#scene.begin();
      for (const key of this.#keys) await enqueue(key, isAborted ? -1 : this.#n);
      // Its rows have their places by now, and those of others get later ones.
      await sleep(20);
      if (isAborted) {
        await rollback();
        this.aborted += this.#keys.length;
      } else {
        await commit();
        this.#n += 1;
        this.written += this.#keys.length;
      }
    }
  }
}

/** Consumers of one group with an inbox, some of which die between their work and its commit. */
class Workers {
  readonly #processes = new Processes();
  readonly #args: readonly string[];
  died = 0;

  constructor({ brokers, topic }: Scene, inboxTable: string) {
    this.#args = [postgres().url, brokers, topic.name, inboxTable];
  }

  /** @param lives after how many batches it dies, and the one after it; the last stays */
  start(...lives: readonly number[]): void {
    const [batches, ...rest] = lives;
    const child = this.#processes.start('consumer.child.ts', [...this.#args, `${batches ?? ''}`]);
    if (batches === undefined) return;
    child.once('exit', () => {
      this.died += 1;
      this.start(...rest);
    });
  }

  stop(): Promise<void> {
    return this.#processes.killAll();
  }
}

/** Kills the relay that leads when its batch is in the log, and still in the outbox. */
async function killBeforeItDeletes(relays: Relays, { pool, table }: Scene): Promise<void> {
  const holder = await pool.connect();
  await holder.query('begin');
  await holder.query(`select from ${table} order by sequence limit 1000 for update`);
  const waiters = async () => {
    const { rows } = await pool.query(
      "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like $1",
      [`delete from ${table}%`],
    );
    return rows;
  };
  const isHeld = async () => relays.leader !== undefined && (await waiters()).length > 0;
  await until('it waits for the rows that we hold', isHeld, 60_000);
  const [waiter] = await waiters();
  await relays.replaceLeader();
  await pool.query('select pg_terminate_backend($1)', [waiter?.pid]);
  await holder.query('rollback');
  holder.release();
}

/** The tables that consumers work on. */
async function newTables(pool: pg.Pool, table: string): Promise<void> {
  await pool.query(inboxSchema({ table }));
  for (const name of [`effects_${table}`, `repeats_${table}`]) {
    await pool.query(
      `create table ${name} (id bigint generated always as identity, key text, n int)`,
    );
  }
}

function eventOf({ value }: StoredRecord) {
  return Event.parse(JSON.parse(Buffer.from(value ?? []).toString()));
}

function idOf({ headers }: StoredRecord): string {
  return Buffer.from(
    headers.find(([name]) => name === headerNames.messageId)?.[1] ?? [],
  ).toString();
}

test('from outbox to inbox over Kafka every effect happens once and in order, whatever is killed', async () => {
  const scene = await setUpKafka();
  const { pool, table, topic, waiting } = scene;
  const [keys, each] = [500, 200];
  const inboxTable = `inbox_${table}`;
  await newTables(pool, inboxTable);
  await fillOutbox(pool, { table, topic: topic.name, keys, each });
  const count = async (name: string) => {
    const { rows } = await pool.query(`select count(*)::int as count from ${name}_${inboxTable}`);
    return Number(rows[0].count);
  };

  const beganMs = performance.now();
  const writers = Array.from(
    { length: 4 },
    (_, w) =>
      new Writer(
        scene,
        Array.from({ length: 10 }, (_, k) => `k${w * 10 + k}`),
        each,
      ),
  );
  const workers = new Workers(scene, inboxTable);
  workers.start(10, 30);
  workers.start(20, 40);
  const relays = new Relays({ url: postgres().url, table, partitions, brokers: scene.brokers });
  relays.start();
  relays.start();
  // To count costs the database what it needs for better things.
  const soon = (what: string, isSo: () => Promise<boolean>) => until(what, isSo, 120_000, 300);
  const isSent = async (share: number) => (await waiting()) <= keys * each * (1 - share);
  await soon('a share is sent', () => isSent(0.2));
  await killBeforeItDeletes(relays, scene);
  await cluster().nodes[0]?.kill();
  await soon('another share is sent', () => isSent(0.5));
  await killBeforeItDeletes(relays, scene);
  await cluster().nodes[0]?.restart();
  await soon('most is sent', () => isSent(0.9));
  for (const writer of writers) await writer.stop();
  await soon('all is sent', async () => (await waiting()) === 0);
  const drainedMs = performance.now() - beganMs;
  const sent = keys * each + writers.reduce((sum, { written }) => sum + written, 0);
  await soon('all is done', async () => (await count('effects')) >= sent);
  const log = await scene.readLog();
  const events = log.map(eventOf);
  const ids = new Set(log.map(idOf)).size;
  const distinct = new Set(events.map(({ key, n }) => `${key}/${n}`)).size;
  const { rows: effects } = await pool.query(
    `select key, n from effects_${inboxTable} order by id`,
  );
  const done = new Set(effects.map(({ key, n }) => `${key}/${n}`)).size;
  report('outbox, relays, Kafka, inbox', {
    sent,
    aborted: writers.reduce((sum, { aborted }) => sum + aborted, 0),
    acknowledged: sent - (await waiting()),
    delivered: log.length,
    sentTwice: log.length - ids,
    redelivered: await count('repeats'),
    effects: effects.length,
    lost: sent - done,
    duplicated: effects.length - done,
    outOfOrder: orderBreaks(effects),
    consumersKilled: workers.died,
    drainedMs: Math.round(drainedMs),
    ms: Math.round(performance.now() - beganMs),
  });
  expect([ids, distinct]).toEqual([sent, sent]);
  expect(orderBreaks(events)).toBe(0);
  // What each killed relay and the dead node had under way, and no more.
  expect(log.length - ids).toBeGreaterThan(0);
  expect(log.length - ids).toBeLessThanOrEqual(3 * 500);
  expect(workers.died).toBe(4);
  expect(await count('repeats')).toBeGreaterThan(log.length - ids);
  expect([effects.length, done]).toEqual([sent, sent]);
  expect(orderBreaks(effects)).toBe(0);
  await workers.stop();
}, 300_000);

test('close is bounded while Kafka is away, and what is not sent stays in the outbox', async () => {
  const { pool, table, topic, kafka, waiting, readLog } = await setUpKafka();
  await fillOutbox(pool, { table, topic: topic.name, keys: 10, each: 1 });
  const start = async () => {
    const messaging = createMessaging({ name: 'test', driver: kafkajs(kafka) });
    const one = relay({ pool: newPool(postgres().url, 1), messaging, table });
    await one.start();
    return { one, messaging };
  };
  const first = await start();
  await until('all is sent', async () => (await waiting()) === 0);
  await cluster().pause();
  await fillOutbox(pool, { table, topic: topic.name, keys: 10, each: 2 });
  await sleep(500);
  const beganMs = performance.now();
  await first.one.close({ timeoutMs: 300 });
  await first.messaging.close({ timeoutMs: 300 });
  expect(performance.now() - beganMs).toBeLessThan(3_000);
  expect(await waiting()).toBe(20);
  await cluster().resume();
  // One whose messaging was closed before it tells that, and loses nothing.
  const second = await start();
  await second.messaging.close();
  await second.one.close({ timeoutMs: 300 });
  const third = await start();
  await until('all is sent', async () => (await waiting()) === 0, 30_000);
  await third.one.close();
  await third.messaging.close();
  expect(new Set((await readLog()).map(idOf)).size).toBe(30);
});

function report(what: string, figures: Record<string, number>): void {
  process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}
