// A relay in a process of its own: what it sends goes to the parent, which keeps the log.
import { createMessaging, type Driver, type PartitionQueue } from '@shopgpt/messaging';
import { relay } from '@shopgpt/messaging/postgres';
import pg from 'pg';
import type { ToChild, ToParent } from './relay-messages.ts';

const [url = '', table = '', partitions = '1'] = process.argv.slice(2);
const waiting = new Map<number, (offset: number) => void>();
const busy = new Set<number>();
let asked = 0;

process.on('message', ({ id, offset }: ToChild) => {
  waiting.get(id)?.(offset);
  waiting.delete(id);
});
process.on('disconnect', () => process.exit());

function tell(message: ToParent): void {
  process.send?.(message);
}

async function drain(queue: PartitionQueue): Promise<void> {
  if (busy.has(queue.partition)) return;
  busy.add(queue.partition);
  for (;;) {
    const batch = queue.take(900_000);
    if (batch.length === 0) break;
    const { promise, resolve } = Promise.withResolvers<number>();
    asked += 1;
    waiting.set(asked, resolve);
    const values = batch.map(({ value }) => Buffer.from(value ?? []).toString());
    tell({ kind: 'write', id: asked, partition: queue.partition, values });
    const offset = await promise;
    for (const [i, record] of batch.entries()) record.written(offset + i);
  }
  busy.delete(queue.partition);
}

const refuse = () => Promise.reject(new Error('the relay needs no such thing'));
const driver: Driver = {
  name: 'parent',
  admin: {
    describe: refuse,
    create: refuse,
    raisePartitions: refuse,
    offsets: refuse,
    committed: refuse,
    setCommitted: refuse,
    read: refuse,
  },
  producer: () => ({
    partitionsOf: () => Number(partitions),
    offer: (queue) => void drain(queue),
    close: async () => undefined,
  }),
  consumer: () => {
    throw new Error('the relay reads nothing');
  },
  close: async () => undefined,
};

const pool = new pg.Pool({ connectionString: url, max: 1 });
pool.on('error', () => undefined);
const messaging = createMessaging({ name: 'child', driver });
const one = relay({ pool, messaging, table, pollMs: 100 });
await one.start();
let wasLeader = false;
setInterval(() => {
  const { isLeader } = one.stats();
  if (isLeader && !wasLeader) tell({ kind: 'leads' });
  wasLeader = isLeader;
}, 20);
