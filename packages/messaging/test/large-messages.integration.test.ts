import { startKafka } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { main } from '../src/cli/index.ts';
import { createMessaging, type Driver, defineTopic, type Messaging } from '../src/index.ts';
import { kafkajs } from '../src/kafkajs/index.ts';

/** Kafka takes 1,048,588 bytes unless told otherwise: this value, its key and 72 bytes of a batch's own. */
const LARGEST_VALUE_BYTES = 1_048_515;
const large = Buffer.from(
  Array.from({ length: LARGEST_VALUE_BYTES }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24),
);

describe('a message of another client that fills a whole batch', () => {
  const server = useServer(startKafka);
  let driver: Driver;
  let messaging: Messaging;
  const kafka = () => new Kafka({ brokers: [server().url], logLevel: logLevel.NOTHING });

  beforeEach(() => {
    driver = kafkajs(kafka());
    messaging = createMessaging({ name: 'shop', driver });
  });
  afterEach(() => messaging.close());

  async function produce(topic: string, values: readonly Buffer[]): Promise<void> {
    const producer = kafka().producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    for (const value of values) {
      await producer.send({ topic, messages: [{ key: 'k', value }], timeout: 10_000 });
    }
    await producer.disconnect();
  }

  test.each([
    ['at once', { attempts: 1 }],
    ['after retries in place', { attempts: 2, backoffMs: 10 }],
    ['by way of retry topics', { attempts: 3, backoffMs: [10, 20], topics: true }],
  ])('is dead-lettered %s, byte for byte, and the group goes on', async (way, retry) => {
    const name = way.replaceAll(' ', '-');
    const handled: Buffer[] = [];
    const isMended = { value: false };
    const topic = defineTopic({
      ...{ name, partitions: 1, retry },
      schema: z.instanceof(Buffer),
      encode: (bytes) => bytes,
      decode: (bytes) => Buffer.from(bytes),
    });
    const subscription = messaging.subscribe(
      topic,
      (bytes) => {
        if (bytes.equals(large) && !isMended.value) throw new Error('é'.repeat(10_000));
        handled.push(bytes);
      },
      { group: 'g' },
    );
    await messaging.provision([topic]);
    await messaging.start();
    const [before, after] = [Buffer.from('before'), Buffer.from('after')];
    await produce(name, [before, large, after]);
    const { admin } = driver;
    await expect.poll(() => admin.committed('g', name), { timeout: 30_000 }).toEqual([3]);
    await expect
      .poll(() => admin.offsets(`${name}.dlq`, 'latest'), { timeout: 30_000 })
      .toEqual([1]);
    expect(handled.map(String).sort()).toEqual(['after', 'before']);
    const [letter] = await admin.read({ topic: `${name}.dlq`, partition: 0, offset: 0 });
    expect(large.equals(letter?.value ?? Buffer.alloc(0))).toBe(true);
    expect(letter?.headers.map(([header]) => header)).toContain('x-error-message');
    expect(subscription.health().status).toBe('up');

    isMended.value = true;
    const at = ['--brokers', server().url, '--topic', name];
    expect(await main(['dlq', 'replay', ...at], { print: () => undefined })).toBe(0);
    await expect.poll(() => handled.length, { timeout: 30_000 }).toBe(3);
    expect(handled[2]?.equals(large)).toBe(true);
  });

  test('one byte more is more than Kafka takes', async () => {
    const topic = defineTopic({ name: 'too-large', partitions: 1, schema: z.string() });
    await messaging.provision([topic]);
    const tooLarge = produce(topic.name, [Buffer.concat([large, Buffer.from('f')])]);
    await expect(tooLarge).rejects.toThrow('larger than the max message size');
  });
});
