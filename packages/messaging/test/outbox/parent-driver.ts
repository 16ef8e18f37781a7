import {
  type Driver,
  headerNames,
  type PartitionQueue,
  type PendingRecord,
} from '@shopgpt/messaging';
import type { SentRecord, ToChild, ToParent } from './relay-messages.ts';

/** Small, so that a batch of a relay goes in several requests. */
const MAX_BATCH_BYTES = 1_000;

export function tell(message: ToParent): void {
  process.send?.(message);
}

/** What it writes goes to the process that forked this one, which keeps the log. */
export function parentDriver(partitions: number): Driver {
  const waiting = new Map<number, (offset: number) => void>();
  const busy = new Set<number>();
  let asked = 0;

  process.on('message', ({ id, offset }: ToChild) => {
    waiting.get(id)?.(offset);
    waiting.delete(id);
  });

  async function drain(queue: PartitionQueue): Promise<void> {
    if (busy.has(queue.partition)) return;
    busy.add(queue.partition);
    for (;;) {
      const batch = queue.take(MAX_BATCH_BYTES);
      if (batch.length === 0) break;
      const { promise, resolve } = Promise.withResolvers<number>();
      asked += 1;
      waiting.set(asked, resolve);
      const { partition } = queue;
      tell({ kind: 'write', id: asked, partition, records: batch.map(sentRecord) });
      const offset = await promise;
      for (const [i, record] of batch.entries()) record.written(offset + i);
    }
    busy.delete(queue.partition);
  }

  const refuse = () => Promise.reject(new Error('the relay needs no such thing'));
  return {
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
      partitionsOf: () => partitions,
      offer: (queue) => void drain(queue),
      close: async () => undefined,
    }),
    consumer: () => {
      throw new Error('the relay reads nothing');
    },
    close: async () => undefined,
  };
}

function sentRecord({ headers, value }: PendingRecord): SentRecord {
  const id = headers.find(([name]) => name === headerNames.messageId)?.[1];
  return { id: String(id), value: String(value) };
}
