import { randomUUID } from 'node:crypto';
import { type KafkaSecurity, startKafka } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka } from 'kafkajs';
import { expect, test } from 'vitest';
import { kafkajs } from '../src/kafkajs/index.ts';
import { Log, TextQueue } from './driver-log.ts';

const server = useServer(startKafka, { own: true, secure: true });

function driverWith(change: Partial<KafkaSecurity> = {}) {
  const { security, url } = server();
  if (!security) throw new Error('the broker lets everybody in');
  const { ca, mechanism, username, password } = { ...security, ...change };
  const sasl = { mechanism, username, password };
  return kafkajs(new Kafka({ brokers: [url], ssl: { ca: [ca] }, sasl }));
}

test('writes and reads over TLS, known by SCRAM', async () => {
  const driver = driverWith();
  const topic = `secure-${randomUUID()}`;
  await driver.admin.create({ name: topic, partitions: 1, config: {} });
  const producer = driver.producer({ compression: 'gzip', maxBatchBytes: 900_000 });
  await producer.partitionsOf(topic);
  const queue = new TextQueue(producer, { topic, partition: 0 });
  const texts = Array.from({ length: 500 }, (_, i) => `secret ${i}`);
  const sent = await Promise.all(texts.map((text) => queue.send(text)));
  expect(sent.map(({ offset }) => offset)).toEqual(texts.map((_, i) => i));
  const log = new Log();
  const consumer = driver.consumer({
    group: randomUUID(),
    topics: [topic],
    from: 'earliest',
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 10_000,
  });
  const running = consumer.run(log);
  await expect.poll(() => log.texts.length, { timeout: 20_000 }).toBe(500);
  expect(log.texts).toEqual(texts);
  await consumer.stop();
  await running;
  await driver.close();
});

test('a wrong password is told at once, and is not tried again', async () => {
  const driver = driverWith({ password: 'guessed' });
  const refused = { code: 'ERR_MESSAGING_DRIVER', isRetriable: false };
  await expect(driver.admin.describe(['any'])).rejects.toMatchObject(refused);
  await driver.close();
});

test('a broker that cannot prove who it is gets nothing', async () => {
  const driver = driverWith({ ca: '' });
  const producer = driver.producer({ compression: 'none', maxBatchBytes: 1_000 });
  const asked = Promise.resolve(producer.partitionsOf('any'));
  await expect(asked).rejects.toMatchObject({ code: 'ERR_MESSAGING_DRIVER' });
  await driver.close();
});
