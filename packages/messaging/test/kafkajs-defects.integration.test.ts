import { randomUUID } from 'node:crypto';
import { createMessaging, defineTopic, PoisonError } from '@shopgpt/messaging';
import { startKafka, startProxy } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Driver, DriverProducer } from '../src/driver.ts';
import { kafkajs } from '../src/kafkajs/index.ts';
import { Log, TextQueue } from './driver-log.ts';
import { KafkaProxy } from './kafka-proxy.ts';

// What kafkajs 2.2.4 does by itself, and beside it the same with our driver on its connections.
let proxy: KafkaProxy;
const server = useServer(startKafka, {
  own: true,
  advertise: async ({ url }) => {
    proxy = await KafkaProxy.start(url);
    return proxy.port;
  },
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  proxy.heal();
  for (const close of closing.splice(0).reverse()) await close();
});

/** The addresses that the broker gives lead through the proxy. */
function bare(): Kafka {
  return new Kafka({ brokers: [server().url], logLevel: logLevel.NOTHING });
}

function ours(): Driver {
  const driver = kafkajs(bare());
  closing.push(() => driver.close());
  return driver;
}

function ourProducer(driver: Driver): DriverProducer {
  return driver.producer({ compression: 'none', maxBatchBytes: 900_000 });
}

async function newTopic(partitions = 1): Promise<string> {
  const name = `defects-${randomUUID()}`;
  await ours().admin.create({ name, partitions, config: {} });
  return name;
}

async function stored(topic: string): Promise<string[]> {
  const { admin } = ours();
  const [end = 0] = await admin.offsets(topic, 'latest');
  const texts: string[] = [];
  while (texts.length < end) {
    const records = await admin.read({ topic, partition: 0, offset: texts.length });
    texts.push(...records.map(({ value }) => Buffer.from(value ?? []).toString()));
  }
  return texts;
}

const consumerOptions = { from: 'earliest', rebalanceTimeoutMs: 10_000 } as const;

function ourConsumer(topic: string, sessionTimeoutMs = 6_000) {
  const log = new Log();
  const consumer = ours().consumer({
    ...consumerOptions,
    group: randomUUID(),
    topics: [topic],
    sessionTimeoutMs,
  });
  const running = consumer.run(log);
  closing.push(async () => {
    await consumer.stop();
    await running;
  });
  return { log, consumer };
}

describe('an answer that is lost after the broker wrote', () => {
  test('bare: the next record that is acknowledged is lost', async () => {
    const topic = await newTopic();
    const producer = bare().producer({
      idempotent: true,
      retry: { retries: 1, initialRetryTime: 10 },
    });
    await producer.connect();
    closing.push(() => producer.disconnect());
    const send = (value: string) => producer.send({ topic, messages: [{ value }] });
    await send('first');
    // And that of the one retry that it may.
    for (let answer = 0; answer < 2; answer += 1) proxy.loseNext('Produce');
    await expect(send('second')).rejects.toThrow();
    await expect(send('third!')).resolves.toHaveLength(1);
    expect(await stored(topic)).toEqual(['first', 'second']);
  });

  test('ours: every record is there once, and its offset is true', async () => {
    const topic = await newTopic();
    const producer = ourProducer(ours());
    await producer.partitionsOf(topic);
    const queue = new TextQueue(producer, { topic, partition: 0 });
    await queue.send('first');
    proxy.loseNext('Produce');
    const second = queue.send('second');
    const third = queue.send('third!');
    expect([(await second).offset, (await third).offset]).toEqual([1, 2]);
    expect(await stored(topic)).toEqual(['first', 'second', 'third!']);
  });

  test('ours: what is given up says that it may be there, and the next one is not lost', async () => {
    const topic = await newTopic();
    const producer = ourProducer(ours());
    await producer.partitionsOf(topic);
    const queue = new TextQueue(producer, { topic, partition: 0 });
    await queue.send('first');
    proxy.loseAll('Produce');
    expect(await queue.send('second', 300)).toMatchObject({ isWritten: false, maybeWritten: true });
    proxy.heal();
    expect(await queue.send('third!')).toMatchObject({ isWritten: true, offset: 2 });
    expect(await stored(topic)).toEqual(['first', 'second', 'third!']);
  });

  test('ours: each of many answers may be lost', async () => {
    const topic = await newTopic();
    const producer = ourProducer(ours());
    await producer.partitionsOf(topic);
    const queue = new TextQueue(producer, { topic, partition: 0 });
    const expected: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      proxy.loseNext('Produce');
      const texts = Array.from({ length: 50 }, (_, i) => `${round}-${i}`);
      expected.push(...texts);
      const sent = await Promise.all(texts.map((text) => queue.send(text)));
      expect(sent.map(({ offset }) => offset)).toEqual(texts.map((_, i) => round * 50 + i));
    }
    expect(await stored(topic)).toEqual(expected);
  });
});

describe('a hundred records sent one by one', () => {
  const texts = Array.from({ length: 100 }, (_, i) => `${i}`);

  test('bare: are a hundred requests', async () => {
    const topic = await newTopic();
    const producer = bare().producer();
    await producer.connect();
    closing.push(() => producer.disconnect());
    const before = proxy.count('Produce');
    await Promise.all(texts.map((value) => producer.send({ topic, messages: [{ value }] })));
    expect(proxy.count('Produce') - before).toBe(100);
  });

  test('ours: are a few', async () => {
    const topic = await newTopic();
    const producer = ourProducer(ours());
    await producer.partitionsOf(topic);
    const queue = new TextQueue(producer, { topic, partition: 0 });
    const before = proxy.count('Produce');
    await Promise.all(texts.map((text) => queue.send(text)));
    expect(proxy.count('Produce') - before).toBeLessThanOrEqual(2);
    expect(await stored(topic)).toEqual(texts);
  });
});

describe('a consumer that has nothing to do', () => {
  /** How many timers are started within a second. */
  async function timersOfASecond(): Promise<number> {
    const real = globalThis.setTimeout;
    let count = 0;
    const counting = (...args: Parameters<typeof real>) => {
      count += 1;
      return real(...args);
    };
    globalThis.setTimeout = Object.assign(counting, real) as typeof real;
    await new Promise((resolve) => real(resolve, 1_000));
    globalThis.setTimeout = real;
    return count;
  }

  test('bare: starts hundreds of timers a second', async () => {
    const topic = await newTopic();
    const consumer = bare().consumer({ groupId: randomUUID(), maxWaitTimeInMs: 250 });
    await consumer.connect();
    closing.push(() => consumer.disconnect());
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.subscribe({ topic });
    await consumer.run({ eachMessage: async () => undefined });
    await joined;
    expect(await timersOfASecond()).toBeGreaterThan(200);
  });

  test('ours: starts a few', async () => {
    const { log } = ourConsumer(await newTopic());
    await expect.poll(() => log.held).toBeDefined();
    expect(await timersOfASecond()).toBeLessThan(50);
  });
});

describe('a batch that cannot be read', () => {
  test('bare: a codec that is not there ends the consumer', async () => {
    const topic = await newTopic();
    const producer = ours().producer({ compression: 'snappy', maxBatchBytes: 900_000 });
    await new TextQueue(producer, { topic, partition: 0 }).send('packed');
    const consumer = bare().consumer({ groupId: randomUUID() });
    await consumer.connect();
    closing.push(() => consumer.disconnect());
    const crashed = new Promise<boolean>((resolve) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.restart));
    });
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async () => undefined });
    expect(await crashed).toBe(false);
  });

  test('ours: the partition stands still and says why, the others go on, and nothing is skipped', async () => {
    const topic = await newTopic(2);
    const producer = ourProducer(ours());
    await producer.partitionsOf(topic);
    const [broken, whole] = [0, 1].map(
      (partition) => new TextQueue(producer, { topic, partition }),
    );
    await broken?.send('broken on its way');
    proxy.changeNext('Fetch', (answer) => {
      const bent = Buffer.from(answer);
      const at = bent.indexOf('broken');
      bent.write('BROKEN', at);
      return at < 0 ? answer : bent;
    });
    const { log } = ourConsumer(topic);
    await expect.poll(() => log.troubles.length).toBe(1);
    expect(log.troubles[0]?.message).toMatch(/\/0 stands still at offset 0: .*checksum/);
    expect(log.texts).toEqual([]);
    await whole?.send('whole');
    await expect.poll(() => log.texts).toEqual(['whole']);
    await expect.poll(() => log.texts, { timeout: 15_000 }).toEqual(['whole', 'broken on its way']);
  });
});

describe('a message that can never be handled', () => {
  /** Three on one partition, of which the second is poison. */
  async function threeOn(topic: string): Promise<void> {
    const queue = new TextQueue(ourProducer(ours()), { topic, partition: 0 });
    for (const text of ['"before"', '"poison"', '"after"']) await queue.send(text);
  }

  test('bare: crashes the consumer again and again, and its partition is blocked for ever', async () => {
    const topic = await newTopic();
    await threeOn(topic);
    const groupId = randomUUID();
    const consumer = bare().consumer({ groupId, retry: { retries: 1, initialRetryTime: 10 } });
    await consumer.connect();
    closing.push(() => consumer.disconnect());
    // How many poisoned calls there were at each crash.
    const crashes: number[] = [];
    consumer.on(consumer.events.CRASH, () => crashes.push(poisoned().length));
    const delivered: string[] = [];
    const poisoned = () => delivered.filter((text) => text === '"poison"');
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        delivered.push(String(message.value));
        if (String(message.value) === '"poison"') throw new Error('it never works');
      },
    });
    await expect.poll(() => new Set(crashes).size, { timeout: 30_000 }).toBeGreaterThan(3);
    expect(delivered).not.toContain('"after"');
    expect(await ours().admin.committed(groupId, topic)).toEqual([1]);
  });

  test('ours: goes to the dead letters, and its partition goes on', async () => {
    const messaging = createMessaging({ name: 'shop', driver: ours() });
    closing.push(() => messaging.close());
    const topic = defineTopic({
      name: `defects-${randomUUID()}`,
      partitions: 1,
      schema: z.string(),
    });
    await messaging.provision([topic]);
    await threeOn(topic.name);
    const group = randomUUID();
    const delivered: string[] = [];
    messaging.subscribe(
      topic,
      (text) => {
        delivered.push(text);
        if (text === 'poison') throw new PoisonError('it never works');
      },
      { group, order: 'partition' },
    );
    await messaging.start();
    await expect.poll(() => delivered).toEqual(['before', 'poison', 'after']);
    await expect.poll(() => ours().admin.committed(group, topic.name)).toEqual([3]);
    expect(await stored(`${topic.name}.dlq`)).toEqual(['"poison"']);
  });
});

describe('a handler that takes longer than the session', () => {
  test('bare: gets the same record again', async () => {
    const topic = await newTopic();
    await new TextQueue(ourProducer(ours()), { topic, partition: 0 }).send('slow');
    const consumer = bare().consumer({
      groupId: randomUUID(),
      sessionTimeout: 800,
      heartbeatInterval: 100,
      maxWaitTimeInMs: 100,
    });
    await consumer.connect();
    closing.push(() => consumer.disconnect());
    let deliveries = 0;
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async () => {
        deliveries += 1;
        await new Promise((resolve) => setTimeout(resolve, deliveries < 3 ? 2_500 : 0));
      },
    });
    await expect.poll(() => deliveries, { timeout: 20_000 }).toBeGreaterThan(1);
  });

  test('ours: stays a member, and commits', async () => {
    const topic = await newTopic();
    await new TextQueue(ourProducer(ours()), { topic, partition: 0 }).send('slow');
    const { log, consumer } = ourConsumer(topic, 800);
    await expect.poll(() => log.texts).toEqual(['slow']);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await consumer.commit(log.held?.epoch ?? 0, [{ topic, partition: 0, offset: 1 }]);
    expect(log.events).toEqual(['assigned']);
    expect(log.texts).toEqual(['slow']);
  });
});

test('an idle consumer stops without waiting for its poll', async () => {
  const { log, consumer } = ourConsumer(await newTopic());
  await expect.poll(() => log.held).toBeDefined();
  const beganMs = performance.now();
  await consumer.stop();
  expect(performance.now() - beganMs).toBeLessThan(1_500);
});

test('a topic that was said to be gone, and is not, loses nothing that is sent after', async () => {
  const topic = await newTopic();
  const driver = kafkajs(new Kafka({ brokers: [proxy.url] }));
  closing.push(() => driver.close());
  const producer = ourProducer(driver);
  await producer.partitionsOf(topic);
  const queue = new TextQueue(producer, { topic, partition: 0 });
  await queue.send('first!');
  proxy.changeAll('Metadata', (answer) => {
    const lying = Buffer.from(answer);
    const at = lying.indexOf(topic);
    // The code of the topic stands before the length of its name.
    if (at >= 0) lying.writeInt16BE(3, at - 4);
    return lying;
  });
  proxy.loseNext('Produce');
  expect(await queue.send('second')).toMatchObject({
    maybeWritten: true,
    cause: { code: 'ERR_MESSAGING_UNKNOWN_TOPIC' },
  });
  proxy.heal();
  expect(await queue.send('third!')).toMatchObject({ isWritten: true, offset: 2 });
  expect(await stored(topic)).toEqual(['first!', 'second', 'third!']);
});

test('who gives up its partitions too slowly is told when the group has gone on', async () => {
  const { log, consumer } = ourConsumer(await newTopic(), 1_000);
  await expect.poll(() => log.held).toBeDefined();
  const gate = Promise.withResolvers<void>();
  log.revoking = () => gate.promise;
  proxy.loseAll('Heartbeat');
  const beganMs = performance.now();
  await consumer.stop();
  expect(log.events).toEqual(['assigned', 'lost']);
  expect(performance.now() - beganMs).toBeLessThan(8_000);
  gate.resolve();
});

test('a consumer stops soon while no broker answers', async () => {
  const silent = await startProxy({ target: server().url });
  silent.blackHole();
  const driver = kafkajs(new Kafka({ brokers: [`127.0.0.1:${silent.port}`] }));
  const options = { ...consumerOptions, group: randomUUID(), topics: ['any'] };
  const consumer = driver.consumer({ ...options, sessionTimeoutMs: 6_000 });
  const running = consumer.run(new Log());
  await expect.poll(() => silent.connections).toBeGreaterThan(0);
  const beganMs = performance.now();
  await consumer.stop();
  expect(performance.now() - beganMs).toBeLessThan(3_000);
  await running;
  await driver.close();
  await silent.stop();
});
