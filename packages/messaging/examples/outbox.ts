import { createMessaging, defineTopic } from '@shopgpt/messaging';
import { memory } from '@shopgpt/messaging/memory';
import { inbox, inboxSchema, outbox, outboxSchema, relay } from '@shopgpt/messaging/postgres';
import { Pool, type PoolClient } from 'pg';
import { z } from 'zod';

const pool = new Pool({ connectionString: process.env['DATABASE_URL'] });
// In a service they are migrations.
await pool.query(outboxSchema());
await pool.query(inboxSchema());

const messaging = createMessaging({ name: 'shop', driver: memory() });
const schema = z.object({ id: z.string() });
const orders = defineTopic({ name: 'orders', partitions: 3, schema, key: (order) => order.id });
await messaging.provision([orders]);

async function inTransaction(work: (client: PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await work(client);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

const handled = Promise.withResolvers<void>();
messaging.subscribe(
  orders,
  async (order, ctx) => {
    await inTransaction(async (client) => {
      // False when it was handled before: at least once becomes once.
      if (!(await inbox.once(client, ctx))) return;
      console.log(`order ${order.id} is noted`);
    });
    handled.resolve();
  },
  { group: 'book-keeping' },
);
await messaging.start();

// One in each process; one of them sends at a time.
const sender = relay({ pool, messaging });
await sender.start();

// The message is sent if, and only if, the transaction commits.
await inTransaction(async (client) => {
  await outbox.enqueue(client, orders, { id: 'o1' });
});
await handled.promise;

await sender.close();
await messaging.close();
await pool.end();
