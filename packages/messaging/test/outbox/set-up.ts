import { randomUUID } from 'node:crypto';
import { createMessaging, defineTopic, headerNames } from '@shopgpt/messaging';
import { memory, memoryBroker } from '@shopgpt/messaging/memory';
import {
  outbox,
  outboxSchema,
  type Relay,
  type RelayOptions,
  relay,
} from '@shopgpt/messaging/postgres';
import type { TestServer } from '@shopgpt/test-servers';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { z } from 'zod';
import { Event } from './event.ts';

/** What one test of the outbox works with: a table and a topic of its own. */
export async function setUp(server: () => TestServer, partitions = 4) {
  const suffix = randomUUID().replaceAll('-', '').slice(0, 12);
  const table = `outbox_${suffix}`;
  const topic = defineTopic({
    name: `events-${suffix}`,
    partitions,
    schema: Event,
    key: ({ key }) => key,
    retry: { attempts: 50, backoffMs: 1 },
    deadLetter: false,
  });
  const broker = memoryBroker();
  const pool = newPool(server().url);
  await pool.query(outboxSchema({ table }));
  await memory({ broker }).admin.create({ name: topic.name, partitions, config: {} });

  /** A process that sends; closed after the test. */
  function sender(options: Partial<RelayOptions> = {}) {
    const driver = memory({ broker });
    const messaging = createMessaging({ name: 'test', driver });
    const own = newPool(server().url, 1);
    const one: Relay = relay({ pool: own, messaging, table, pollMs: 50, ...options });
    onTestFinished(async () => {
      await one.close({ timeoutMs: 1_000 });
      await messaging.close({ timeoutMs: 1_000 });
    });
    return { relay: one, messaging, driver };
  }

  /** A transaction that is open until its end is called. */
  async function begin() {
    const client = await pool.connect();
    await client.query('begin');
    // Gives it its id now.
    await client.query('select pg_current_xact_id()');
    const end = async (how: 'commit' | 'rollback') => {
      await client.query(how);
      client.release();
    };
    return {
      client,
      enqueue: (key: string, n: number) => outbox.enqueue(client, topic, { key, n }, { table }),
      commit: () => end('commit'),
      rollback: () => end('rollback'),
    };
  }

  /** A transaction with nothing but these messages. */
  async function enqueue(...messages: z.infer<typeof Event>[]) {
    const transaction = await begin();
    for (const { key, n } of messages) await transaction.enqueue(key, n);
    await transaction.commit();
  }

  /** What is in the log, partition after partition. */
  function sent() {
    return Array.from({ length: partitions }, (_, partition) =>
      broker.log({ topic: topic.name, partition }).map(({ value, headers }) => ({
        ...Event.parse(JSON.parse(Buffer.from(value ?? []).toString())),
        id: Buffer.from(
          headers.find(([name]) => name === headerNames.messageId)?.[1] ?? [],
        ).toString(),
      })),
    ).flat();
  }

  async function waiting() {
    const { rows } = await pool.query(`select count(*)::int as count from ${table}`);
    return Number(rows[0].count);
  }

  return { table, topic, broker, pool, sender, begin, enqueue, sent, waiting };
}

/** A pool that minds no lost connection; ended after the test. */
export function newPool(url: string, max = 10): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  pool.on('error', () => undefined);
  onTestFinished(() => pool.end());
  return pool;
}

/** Waits until it is so. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = 10_000,
  everyMs = 10,
): Promise<void> {
  const endsAt = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > endsAt) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** How often a message of a key comes for the first time after a later one of the same key did. */
export function orderBreaks(sent: readonly { readonly key: string; readonly n: number }[]): number {
  const latest = new Map<string, number>();
  const seen = new Set<string>();
  let breaks = 0;
  for (const { key, n } of sent) {
    const isFirst = !seen.has(`${key}/${n}`);
    seen.add(`${key}/${n}`);
    const before = latest.get(key) ?? -1;
    if (isFirst && n < before) breaks += 1;
    latest.set(key, Math.max(before, n));
  }
  return breaks;
}

/** Fills an outbox as `enqueue` would, with so many messages of each key, n from 0 up. */
export async function fillOutbox(
  pool: pg.Pool,
  { table, topic, keys, each }: { table: string; topic: string; keys: number; each: number },
): Promise<void> {
  await pool.query(
    `insert into ${table} (id, aggregatetype, aggregateid, type, key, payload, headers)
    select id, $1, 'k' || k, $1, convert_to('k' || k, 'utf8'),
      convert_to(json_build_object('key', 'k' || k, 'n', n)::text, 'utf8'),
      jsonb_build_array(jsonb_build_array('x-message-id', encode(convert_to(id::text, 'utf8'), 'base64')))
    from (
      select gen_random_uuid() as id, n, k
      from generate_series(0, $2 - 1) n, generate_series(0, $3 - 1) k order by n, k
    ) messages`,
    [topic, each, keys],
  );
}
