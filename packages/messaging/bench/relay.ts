import { randomUUID } from 'node:crypto';
import { createMessaging } from '@shopgpt/messaging';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { outboxSchema, relay } from '@shopgpt/messaging/postgres';
import { startPostgres } from '@shopgpt/test-servers';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { OURS } from './contestants.ts';

const ROWS = 20_000;
const BATCH = 500;

/** An outbox that is full, and where it goes. */
interface Scene {
  readonly brokers: readonly string[];
  readonly url: string;
  readonly pool: pg.Pool;
  readonly table: string;
  readonly topic: string;
}

const contestants: Readonly<Record<string, (scene: Scene) => Promise<number>>> = {
  kafkajs: drainNaively,
  [OURS]: drain,
};

/**
 * Rows a second from a backlog of 20,000 onto the cluster, from the first batch on: our relay, and the naive
 * one on kafkajs, which sends what comes after the last row that it saw (it loses rows that commit late, and
 * two of them send all twice).
 */
export async function drainOutbox(
  brokers: readonly string[],
  rounds: number,
): Promise<Map<string, { readonly rate: number }>> {
  const server = await startPostgres({ own: true });
  const pool = newPool(server.url);
  const taken = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, run] of Object.entries(contestants)) {
      const scene = { brokers, url: server.url, pool, ...(await fill(pool, brokers)) };
      taken.set(name, [...(taken.get(name) ?? []), await run(scene)]);
    }
  }
  await pool.end();
  await server.stop();
  return new Map([...taken].map(([name, rates]) => [name, { rate: median(rates) }]));
}

/** A pool that minds no lost connection: the server is stopped in the end. */
function newPool(url: string, max = 10): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  pool.on('error', () => undefined);
  return pool;
}

async function fill(pool: pg.Pool, brokers: readonly string[]) {
  const name = randomUUID().replaceAll('-', '').slice(0, 12);
  const [table, topic] = [`outbox_${name}`, `bench-${name}`];
  await pool.query(outboxSchema({ table }));
  await pool.query(
    `insert into ${table} (id, aggregatetype, type, key, payload)
    select gen_random_uuid(), $1, $1, convert_to('key-' || n % 1000, 'utf8'), convert_to(repeat('x', 80), 'utf8')
    from generate_series(1, $2) n`,
    [topic, ROWS],
  );
  await pool.query(`analyze ${table}`);
  const driver = kafkajs(new Kafka({ brokers: [...brokers] }));
  const config = { 'min.insync.replicas': '2' };
  await driver.admin.create({ name: topic, partitions: 6, replicationFactor: 3, config });
  await driver.close();
  return { table, topic };
}

/** @returns rows a second that are in the log and out of the outbox */
async function drain({ brokers, url, table }: Scene): Promise<number> {
  const driver = kafkajs(new Kafka({ brokers: [...brokers] }));
  const messaging = createMessaging({ name: 'bench', driver });
  const pool = newPool(url, 1);
  const one = relay({ pool, messaging, table, batchSize: BATCH });
  await one.start();
  const after = async (rows: number) => {
    while (one.stats().sent < rows) await new Promise((resolve) => setTimeout(resolve, 5));
    return { atMs: performance.now(), sent: one.stats().sent };
  };
  const [first, last] = [await after(1), await after(ROWS)];
  await one.close();
  await messaging.close();
  await pool.end();
  return perSecond(first, last);
}

/** @returns rows a second that are acknowledged, with the place of the last one noted */
async function drainNaively({ brokers, pool, table, topic }: Scene): Promise<number> {
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer();
  await pool.query(`create table ${table}_place (last bigint)`);
  await pool.query(`insert into ${table}_place values (0)`);
  await producer.connect();
  const marks: Mark[] = [];
  for (let last = '0', sent = 0; sent < ROWS; ) {
    const { rows } = await pool.query(
      `select sequence, key, payload from ${table} where sequence > $1 order by sequence limit ${BATCH}`,
      [last],
    );
    const messages = rows.map(({ key, payload }) => ({ key, value: payload }));
    await producer.send({ topic, acks: -1, messages });
    last = rows.at(-1)?.sequence;
    await pool.query(`update ${table}_place set last = $1`, [last]);
    sent += rows.length;
    marks.push({ atMs: performance.now(), sent });
  }
  await producer.disconnect();
  return perSecond(marks[0], marks.at(-1));
}

interface Mark {
  readonly atMs: number;
  readonly sent: number;
}

function perSecond(from: Mark | undefined, to: Mark | undefined): number {
  if (!from || !to) return Number.NaN;
  return ((to.sent - from.sent) * 1_000) / (to.atMs - from.atMs);
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;
}
