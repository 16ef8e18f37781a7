import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { startKafka } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Assignment, Driver } from '../src/driver.ts';
import { createMessaging, defineTopic } from '../src/index.ts';
import { kafkajs } from '../src/kafkajs/index.ts';
import { Log, TextQueue } from './driver-log.ts';
import { KafkaProxy } from './kafka-proxy.ts';

// What brokers say that is wrong, cut off, unknown or not what was hoped for, and what our driver makes of it.
let proxy: KafkaProxy;
const server = useServer(startKafka, {
  own: true,
  advertise: async ({ url }) => {
    proxy = await KafkaProxy.start(url);
    return proxy.port;
  },
});

const closing: (() => unknown)[] = [];
afterEach(async () => {
  proxy.heal();
  for (const close of closing.splice(0).reverse()) await close();
});

/** Everything goes through the proxy. */
function open(url = proxy.url): Driver {
  const driver = kafkajs(new Kafka({ brokers: [url], logLevel: logLevel.NOTHING }));
  closing.push(() => driver.close());
  return driver;
}

async function newTopic(partitions = 1): Promise<string> {
  const name = `faults-${randomUUID()}`;
  await open().admin.create({ name, partitions, config: {} });
  return name;
}

/** Queues to the partitions of a topic, with one producer behind them. */
async function queuesTo(topic: string): Promise<TextQueue[]> {
  const producer = open().producer({ compression: 'none', maxBatchBytes: 900_000 });
  const count = await producer.partitionsOf(topic);
  return Array.from({ length: count }, (_, p) => new TextQueue(producer, { topic, partition: p }));
}

function read(topic: string, options: { url?: string; from?: 'latest'; group?: string } = {}) {
  const log = new Log();
  const { url, from = 'earliest', group = randomUUID() } = options;
  const times = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 10_000 };
  const consumer = open(url).consumer({ group, topics: [topic], from, ...times });
  const ended = consumer.run(log).then(
    () => undefined,
    (error) => error,
  );
  closing.push(async () => {
    await consumer.stop();
    await ended;
  });
  return { log, consumer, ended };
}

async function fill(topic: string, texts: readonly string[]): Promise<void> {
  const [queue] = await queuesTo(topic);
  for (const text of texts) await queue?.send(text);
}

/** Changes a topic as its operator would. */
async function operate(work: (admin: ReturnType<Kafka['admin']>) => Promise<unknown>) {
  const admin = new Kafka({ brokers: [server().url], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await work(admin).finally(() => admin.disconnect());
}

const emptyFrame = Buffer.alloc(4);
const cutShort = (answer: Buffer) => {
  const short = Buffer.from(answer.subarray(0, answer.length - 9));
  short.writeInt32BE(short.length - 4);
  return short;
};
const misdirected = (answer: Buffer) => {
  const other = Buffer.from(answer);
  other.writeInt32BE(1_000_000, 4);
  return other;
};
const nonsense: [string, (answer: Buffer) => Buffer | 'halve'][] = [
  ['half an answer and the end of the connection', () => 'halve'],
  ['a frame of no bytes', () => emptyFrame],
  ['an answer without its end', cutShort],
  ['an answer to another request', misdirected],
];

describe('what is no answer', () => {
  test.each(nonsense)('%s: each record is written once', async (_, rule) => {
    const topic = await newTopic();
    const [queue] = await queuesTo(topic);
    await queue?.send('first');
    proxy.changeNext('Produce', rule);
    const sent = await Promise.all([queue?.send('second'), queue?.send('third')]);
    expect(sent).toMatchObject([
      { isWritten: true, offset: 1 },
      { isWritten: true, offset: 2 },
    ]);
    expect(await open().admin.offsets(topic, 'latest')).toEqual([3]);
  });

  test('each record is read once, and its reader says what was wrong', async () => {
    const topic = await newTopic();
    await fill(topic, ['first', 'second']);
    for (const [, rule] of nonsense.slice(0, 3)) proxy.changeNext('Fetch', rule);
    const { log } = read(topic);
    await expect.poll(() => log.texts).toEqual(['first', 'second']);
    const said = log.troubles.map(({ message }) => message);
    expect(said.filter((text) => text.startsWith('Fetch'))).toEqual([
      'Fetch: Closed connection',
      'Fetch: Connection error: what answers is no broker of Kafka, or one that makes no sense',
      'Fetch: the answer ends in its midst',
    ]);
    expect(log.events).toEqual(['assigned']);
  });

  test('who is no broker is told in time, and does not end the process', async () => {
    const liars = ['HTTP/1.1 400 Bad Request\r\n\r\n', '\0\0\0\0', '\xff\xff\xff\xf0garbage'];
    const readers = liars.map(async (text) => {
      const liar = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', () => socket.write(text, 'latin1'));
      });
      liar.listen(0, '127.0.0.1');
      await once(liar, 'listening');
      closing.push(() => liar.close());
      return read('any', { url: `127.0.0.1:${(liar.address() as AddressInfo).port}` }).log;
    });
    for (const log of await Promise.all(readers)) {
      await expect.poll(() => log.troubles[0]).toMatchObject({ isRetriable: true });
    }
  });
});

describe('what a broker says of a batch', () => {
  /** The code of the only partition of an answer. */
  const saying = (topic: string, code: number) => (answer: Buffer) => {
    const changed = Buffer.from(answer);
    changed.writeInt16BE(code, changed.indexOf(topic) + topic.length + 8);
    return changed;
  };

  test('a code that nobody knows: it may be written, and what follows is not held up', async () => {
    const topic = await newTopic();
    const [queue] = await queuesTo(topic);
    proxy.changeNext('Produce', saying(topic, 250));
    expect(await queue?.send('first')).toMatchObject({ isWritten: false, maybeWritten: true });
    expect(await queue?.send('second')).toMatchObject({ isWritten: true, offset: 1 });
  });

  test('that it leads no longer, for a second: it is asked a few times, and all is written once', async () => {
    const topic = await newTopic();
    const [queue] = await queuesTo(topic);
    const before = proxy.count('Produce');
    proxy.changeAll('Produce', saying(topic, 6));
    const sent = ['a', 'b', 'c'].map((text) => queue?.send(text));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(proxy.count('Produce') - before).toBeLessThan(10);
    proxy.heal();
    expect((await Promise.all(sent)).map((one) => one?.offset)).toEqual([0, 1, 2]);
    expect(await open().admin.offsets(topic, 'latest')).toEqual([3]);
  });
});

test('a partition without a leader waits, the others do not, and nobody asks for topics of others', async () => {
  const [other, topic] = [await newTopic(), await newTopic(2)];
  const named = new Set<string>();
  proxy.changeAll('Metadata', (answer) => {
    for (const name of [other, topic]) if (answer.includes(name)) named.add(name);
    return withoutLeader(answer, topic, 1);
  });
  const [led, unled] = await queuesTo(topic);
  const waiting = unled?.send('waits');
  expect(await led?.send('goes')).toMatchObject({ isWritten: true });
  proxy.heal();
  expect(await waiting).toMatchObject({ isWritten: true, offset: 0 });
  expect([...named]).toEqual([topic]);
});

/** Of a topic with one replica for each partition. */
function withoutLeader(answer: Buffer, topic: string, partition: number): Buffer {
  const changed = Buffer.from(answer);
  const nameAt = changed.indexOf(topic);
  if (nameAt < 0) return changed;
  const at = nameAt + topic.length + 5;
  for (let i = 0; i < changed.readInt32BE(at - 4); i += 1) {
    const [codeAt, idAt] = [at + 30 * i, at + 30 * i + 2];
    if (changed.readInt32BE(idAt) !== partition) continue;
    changed.writeInt16BE(5, codeAt);
    changed.writeInt32BE(-1, idAt + 4);
  }
  return changed;
}

describe('an offset that the log does not have', () => {
  const texts = ['0', '1', '2', '3', '4'];
  const position = (topic: string, offset: number) => ({ topic, partition: 0, offset });

  test('before its first record: it goes on with what is left, and says what is gone', async () => {
    const [topic, group] = [await newTopic(), randomUUID()];
    await fill(topic, texts);
    await open().admin.setCommitted(group, [position(topic, 1)]);
    const partitions = [{ partition: 0, offset: '3' }];
    await operate(async (admin) => {
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions });
    });
    const { log } = read(topic, { group, from: 'latest' });
    await expect.poll(() => log.texts).toEqual(['3', '4']);
    expect(log.troubles.map(({ message }) => message)).toEqual([
      `${topic}/0 begins at offset 3: what was from 1 on is gone`,
    ]);
  });

  test('behind its last record, as committed: the option says where to begin', async () => {
    const [topic, group] = [await newTopic(), randomUUID()];
    await fill(topic, texts);
    await open().admin.setCommitted(group, [position(topic, 100)]);
    const { log } = read(topic, { group });
    await expect.poll(() => log.texts).toEqual(texts);
    expect(log.troubles[0]?.message).toMatch(/has no offset 100: it is read from the earliest/);
  });

  test('behind its last record, where we were sent: the consumer ends, and its partitions are lost', async () => {
    const topic = await newTopic();
    await fill(topic, texts);
    const { log, consumer, ended } = read(topic, { from: 'latest' });
    await expect.poll(() => log.held).toBeDefined();
    consumer.seek({ topic, partition: 0 }, 100);
    expect(await ended).toMatchObject({
      isRetriable: true,
      message: `${topic}/0 ends before offset 100: it was cut off, or its topic made anew`,
    });
    expect(log.events).toEqual(['assigned', 'lost']);
  });
});

test('a topic that is gone is told after the rest was shared out, not only before', async () => {
  const [doomed, kept] = [await newTopic(), await newTopic()];
  /** For who has partitions, whatever went wrong before is over. */
  class Forgetful extends Log {
    override assigned(assignment: Assignment): void {
      super.assigned(assignment);
      this.troubles.length = 0;
    }
  }
  const log = new Forgetful();
  const times = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 10_000 };
  const consumer = open().consumer({
    ...{ group: randomUUID(), topics: [doomed, kept], from: 'earliest', ...times },
  });
  const running = consumer.run(log);
  await expect.poll(() => log.held?.partitions.length).toBe(2);
  await operate((admin) => admin.deleteTopics({ topics: [doomed] }));
  await expect
    .poll(() => log.held?.partitions, { timeout: 30_000 })
    .toMatchObject([{ topic: kept }]);
  expect(log.troubles).toMatchObject([{ code: 'ERR_MESSAGING_UNKNOWN_TOPIC', topic: doomed }]);
  await consumer.stop();
  await running;
});

test('a topic that was made anew is read from its beginning, however far we were in the old one', async () => {
  const name = await newTopic();
  const messaging = createMessaging({ name: 'anew', driver: open() });
  closing.push(() => messaging.close());
  const topic = defineTopic({ name, partitions: 1, schema: z.number() });
  const handled: number[] = [];
  messaging.subscribe(topic, (n) => handled.push(n), { group: randomUUID() });
  await messaging.start();
  await messaging.sendMany(topic, [1, 2, 3]);
  await expect.poll(() => handled).toEqual([1, 2, 3]);
  await operate(async (admin) => {
    await admin.deleteTopics({ topics: [name] });
    const isMade = () => admin.createTopics({ topics: [{ topic: name, numPartitions: 1 }] });
    await expect.poll(() => isMade().catch(() => false)).toBe(true);
  });
  await messaging.send(topic, 4);
  await expect.poll(() => handled, { timeout: 30_000 }).toEqual([1, 2, 3, 4]);
});

test('no process is ever warned of anything, at work or at rest', async () => {
  const child = path.join(import.meta.dirname, 'quiet.child.ts');
  const args = ['--conditions=@shopgpt/source', child, server().url, await newTopic(2)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(JSON.parse(stdout)).toEqual({ count: 2_000, warnings: [] });
});
