// A consumer in a process of its own, whose work is rows of a table; it may be told when to die.
import { type BatchMessage, createMessaging, defineTopic } from '@shopgpt/messaging';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { inbox } from '@shopgpt/messaging/postgres';
import { Kafka } from 'kafkajs';
import pg from 'pg';
import type { z } from 'zod';
import { Event } from './event.ts';

const [url = '', brokers = '', name = '', table = '', batchesToLive = ''] = process.argv.slice(2);
process.on('disconnect', () => process.exit());

// The statements of a batch go together.
const pool = new pg.Pool({ connectionString: url, max: 6, pipeline: true });
pool.on('error', () => undefined);
const driver = kafkajs(new Kafka({ brokers: brokers.split(',') }));
const messaging = createMessaging({ name: 'consumer', driver });
const topic = defineTopic({ name, partitions: 1, schema: Event, deadLetter: false });
let batches = 0;

type Message = BatchMessage<z.infer<typeof Event>>;

/** What it does for each message: a row of `effects`, or one of `repeats` when that was done before. */
async function work(client: pg.PoolClient, batch: readonly Message[], group: string) {
  const news = await Promise.all(
    batch.map(({ headers, topic, partition, offset }) =>
      inbox.once(client, { headers, topic, partition, offset, group }, { table }),
    ),
  );
  const those = (isNew: boolean) => batch.filter((_, i) => news[i] === isNew);
  await insert(client, `effects_${table}`, those(true));
  await insert(client, `repeats_${table}`, those(false));
}

async function insert(client: pg.PoolClient, into: string, messages: readonly Message[]) {
  const keys = messages.map(({ message }) => message.key);
  const numbers = messages.map(({ message }) => message.n);
  const rows = 'select * from unnest($1::text[], $2::int[])';
  await client.query(`insert into ${into} (key, n) ${rows}`, [keys, numbers]);
}

messaging.subscribeBatch(
  topic,
  async (batch, { group }) => {
    const client = await pool.connect();
    try {
      await client.query('begin');
      await work(client, batch, group);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
    batches += 1;
    // The work is done, and Kafka does not know.
    if (batches === Number(batchesToLive)) process.kill(process.pid, 'SIGKILL');
  },
  { group: 'work', maxSize: 500, sessionTimeoutMs: 2_000, commitIntervalMs: 500 },
);
await messaging.start();
