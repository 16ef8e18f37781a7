/**
 * What one awaited `send` costs of the CPU in this package alone: schema, JSON, key, queue, batch and promise.
 * The driver writes nothing; it takes what waits and answers in the next turn of the event loop.
 *
 *   npm exec -w packages/messaging -- node --conditions=@shopgpt/source bench/send-cpu.ts
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { createMessaging, type Driver, type DriverProducer, defineTopic } from '../src/index.ts';

const ROUNDS = 7;
const SENDS = 200_000;
const CALLERS = 1_000;

const text = 'x'.repeat(60);
const nothing = (): never => {
  throw new Error('this driver has nothing of the kind');
};

function nullProducer(): DriverProducer {
  let offset = 0;
  return {
    partitionsOf: () => 6,
    offer(queue) {
      setImmediate(() => {
        for (const record of queue.take(900_000)) record.written(offset++);
      });
    },
    close: async () => undefined,
  };
}

const driver: Driver = {
  name: 'null',
  admin: {
    ...{ describe: nothing, create: nothing, raisePartitions: nothing, offsets: nothing },
    ...{ committed: nothing, setCommitted: nothing, read: nothing },
  },
  producer: nullProducer,
  consumer: nothing,
  close: async () => undefined,
};

interface Message {
  readonly id: string;
  readonly n: number;
  readonly text: string;
}

/** Checks as little as a schema can: what a schema costs is its own affair. */
const schema: StandardSchemaV1<Message> = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value: unknown) => ({ value: value as Message }),
  },
};
const topic = defineTopic({ name: 'bench', partitions: 6, schema, key: (m) => m.id });
const messaging = createMessaging({ name: 'bench', driver });

async function caller(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await messaging.send(topic, { id: `user-${n % 1000}`, n, text });
  }
}

const results: { readonly us: number; readonly rate: number }[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await Promise.all(Array.from({ length: CALLERS }, () => caller(SENDS / CALLERS)));
  const { user, system } = process.cpuUsage(cpu);
  results.push({
    us: (user + system) / SENDS,
    rate: SENDS / ((performance.now() - begun) / 1_000),
  });
}
await messaging.close();

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
console.log(`CPU per send: ${median(results.map(({ us }) => us)).toFixed(2)} us`);
console.log(`sends a second: ${Math.round(median(results.map(({ rate }) => rate)))}`);
