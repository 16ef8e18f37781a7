import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type KafkaSecurity, startKafka } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createMessaging, defineTopic } from '../src/index.ts';
import { kafkajs } from '../src/kafkajs/index.ts';
import { dlq, dlqUntil } from './dlq-command.ts';
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

describe('the command for dead letters', () => {
  /** Runs a test with the options that let it in, and how the password can be changed. */
  async function withOptions(
    work: (
      options: readonly string[],
      setPassword: (text: string) => Promise<void>,
    ) => Promise<void>,
  ): Promise<void> {
    const { security, url } = server();
    if (!security) throw new Error('the broker lets everybody in');
    const folder = await mkdtemp(path.join(os.tmpdir(), 'shopgpt-dlq-'));
    const [ca, password] = [path.join(folder, 'ca.pem'), path.join(folder, 'password')];
    try {
      await writeFile(ca, security.ca);
      await writeFile(password, `${security.password}\n`, { mode: 0o600 });
      const tls = ['--brokers', url, '--ssl', '--ca', ca];
      const sasl = ['--sasl', security.mechanism, '--username', security.username];
      await work([...tls, ...sasl, '--password-file', password], (text) =>
        writeFile(password, text),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /** So many numbers as dead letters of a new topic. */
  async function deadLetters(count: number): Promise<string> {
    const driver = driverWith();
    await using messaging = createMessaging({ name: 'secure', driver });
    const name = `secure-${randomUUID()}`;
    await messaging.provision([defineTopic({ name, partitions: 1, schema: z.number() })]);
    const letters = defineTopic({ name: `${name}.dlq`, partitions: 1, schema: z.number() });
    const numbers = Array.from({ length: count }, (_, n) => n);
    const results = await messaging.sendMany(letters, numbers);
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
    return name;
  }

  async function numbersIn(topic: string): Promise<number[]> {
    const driver = driverWith();
    const numbers: number[] = [];
    for (let offset = 0; ; ) {
      const records = await driver.admin.read({ topic, partition: 0, offset });
      for (const { value } of records) numbers.push(Number(value));
      const last = records.at(-1);
      if (!last) break;
      offset = last.offset + 1;
    }
    await driver.close();
    return numbers;
  }

  test('comes in over TLS with SCRAM, and says at once when it does not', async () => {
    const topic = await deadLetters(3);
    await withOptions(async (options, setPassword) => {
      const at = [...options, '--topic', topic];
      const listed = await dlq('list', ...at);
      expect(listed).toMatchObject({ code: 0, stderr: '' });
      expect(listed.stdout).toContain(`3 dead letters of ${topic}\n`);
      expect(await dlq('replay', ...at)).toMatchObject({ code: 0, stderr: '' });
      expect(await numbersIn(topic)).toEqual([0, 1, 2]);

      await setPassword('guessed');
      const begunMs = performance.now();
      const { code, stdout, stderr } = await dlq('list', ...at);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^failed: .*SCRAM.*\n$/);
      expect(stderr).not.toContain('guessed');
      expect(performance.now() - begunMs).toBeLessThan(20_000);
    });
  });

  test('goes on where it was interrupted, and sends little twice when it was killed', async () => {
    const count = 6_000;
    const topic = await deadLetters(count);
    await withOptions(async (options) => {
      const at = [...options, '--topic', topic];
      const interrupted = await dlqUntil('SIGINT', 'replay', ...at);
      expect(interrupted.code).toBe(1);
      expect(interrupted.stderr).toContain('run it again for the rest');
      const [, told] =
        /^(\d+) dead letters of \S+ were sent again$/m.exec(interrupted.stdout) ?? [];
      const afterInterrupt = await numbersIn(topic);
      expect(afterInterrupt).toHaveLength(Number(told));

      expect(await dlqUntil('SIGKILL', 'replay', ...at)).toMatchObject({ code: null });
      const atKill = (await numbersIn(topic)).length;
      expect(atKill).toBeGreaterThan(afterInterrupt.length);
      expect(atKill).toBeLessThan(count);

      expect(await dlq('replay', ...at)).toMatchObject({ code: 0, stderr: '' });
      const all = await numbersIn(topic);
      expect(new Set(all).size).toBe(count);
      expect(all.length - count).toBeLessThanOrEqual(100);
    });
  });
});
