import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKafkaCluster, type TestServer } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Driver } from '../src/driver.ts';
import { kafkajs } from '../src/kafkajs/index.ts';
import { KafkaProxy } from './kafka-proxy.ts';
import { type Account, CommittingLog, Load, readAll } from './load.ts';

/** One before each node, in their order. */
const proxies: KafkaProxy[] = [];
const cluster = useServer(startKafkaCluster, {
  own: true,
  advertise: async ({ url }) => {
    const proxy = await KafkaProxy.start(url);
    proxies.push(proxy);
    return proxy.port;
  },
});

const partitions = 6;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const proxy of proxies) proxy.heal();
  for (const close of closing.splice(0).reverse()) await close();
});

function bare(): Kafka {
  return new Kafka({ brokers: cluster().url.split(','), logLevel: logLevel.NOTHING });
}

function open(): Driver {
  const driver = kafkajs(bare());
  closing.push(() => driver.close());
  return driver;
}

async function newTopic(driver: Driver, count = partitions): Promise<string> {
  const name = `chaos-${randomUUID()}`;
  await driver.admin.create({ name, partitions: count, replicationFactor: 3, config: {} });
  return name;
}

/** Load and a reader around a fault. */
async function during(title: string, fault: (topic: string) => Promise<void>): Promise<Account> {
  await cluster().untilHealthy();
  const driver = open();
  const topic = await newTopic(driver);
  const producer = driver.producer({ compression: 'none', maxBatchBytes: 900_000 });
  await producer.partitionsOf(topic);
  const log = new CommittingLog();
  const reader = readAll(driver, topic, randomUUID(), log);
  await expect.poll(() => log.held, { timeout: 20_000 }).toBeDefined();
  const load = new Load(producer, { topic, partitions });
  await sleep(1_000);
  await fault(topic);
  await sleep(1_000);
  const account = await load.settle(log);
  await reader.stop();
  say(title, { ...account, events: log.events.join(' ') });
  return account;
}

function say(title: string, account: object): void {
  process.stdout.write(`${title}: ${JSON.stringify(account)}\n`);
}

const nothingLost = {
  ...{ rejected: 0, lost: 0, duplicated: 0, outOfOrder: 0, untrue: 0, wrongOffsets: 0 },
};

/** Its process ends by itself, after it has given its partitions to others. */
async function stopKindly(node: TestServer | undefined): Promise<void> {
  const { pid = 0 } = node ?? {};
  process.kill(pid, 'SIGTERM');
  await expect.poll(() => isAlive(pid), { timeout: 30_000 }).toBe(false);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('nothing is lost, repeated or out of order', () => {
  test('when the answers of one node are lost while another one stops', async () => {
    const account = await during('answers lost, another node stopped', async () => {
      proxies[0]?.loseAll('Produce');
      await stopKindly(cluster().nodes[1]);
      await sleep(1_000);
      proxies[0]?.heal();
      await cluster().nodes[1]?.restart();
    });
    expect(account).toMatchObject(nothingLost);
  });

  test('when answers are lost again and again after the broker wrote', async () => {
    const account = await during('answers lost', async () => {
      for (let round = 0; round < 15; round += 1) {
        proxies[round % 3]?.loseNext('Produce');
        await sleep(200);
      }
    });
    expect(account).toMatchObject(nothingLost);
  });

  test('when all nodes are restarted one after the other', async () => {
    const account = await during('rolling restart', async () => {
      for (const node of cluster().nodes) {
        await stopKindly(node);
        await node.restart();
        await cluster().untilHealthy();
      }
    });
    expect(account).toMatchObject(nothingLost);
  }, 120_000);
});

test('sends that run out of time say what is true', async () => {
  await cluster().untilHealthy();
  const driver = open();
  const topic = await newTopic(driver);
  const producer = driver.producer({ compression: 'none', maxBatchBytes: 900_000 });
  await producer.partitionsOf(topic);
  const log = new CommittingLog();
  const reader = readAll(driver, topic, randomUUID(), log);
  const load = new Load(producer, { topic, partitions, deadlineMs: 1_000 });
  await sleep(1_000);
  for (const proxy of proxies) proxy.loseAll('Produce');
  await sleep(4_000);
  for (const proxy of proxies) proxy.heal();
  await sleep(2_000);
  const account = await load.settle(log);
  await reader.stop();
  say('every answer lost for 4 s, 1 s to write', account);
  expect(account).toMatchObject({ ...nothingLost, rejected: account.rejected });
  expect(account.rejected).toBeGreaterThan(0);
});

test('bare kafkajs, one send over six partitions while a node is killed', async () => {
  await cluster().untilHealthy();
  const driver = open();
  const topic = await newTopic(driver);
  const producer = bare().producer({ retry: { retries: 30, maxRetryTime: 500 } });
  await producer.connect();
  const acknowledged: string[] = [];
  const endMs = performance.now() + 5_000;
  let round = 0;
  const killed = sleep(1_000).then(() => cluster().nodes[2]?.kill());
  while (performance.now() < endMs) {
    const messages = Array.from({ length: partitions }, (_, p) => ({
      partition: p,
      value: `${p}:${round}`,
    }));
    await producer.send({ topic, acks: -1, messages });
    acknowledged.push(...messages.map(({ value }) => value));
    round += 1;
  }
  await killed;
  await producer.disconnect();
  await cluster().nodes[2]?.restart();
  await cluster().untilHealthy();
  const log = new CommittingLog();
  const reader = readAll(driver, topic, randomUUID(), log);
  const ends = await driver.admin.offsets(topic, 'latest');
  const written = ends.reduce((sum, end) => sum + end, 0);
  await expect.poll(() => log.records_.length, { timeout: 20_000 }).toBe(written);
  await reader.stop();
  const there = new Set(log.texts);
  const lost = acknowledged.filter((text) => !there.has(text)).length;
  // It loses most times, not every time: told, not asserted.
  say('bare kafkajs, node killed', { acknowledged: acknowledged.length, lost });
  expect(acknowledged.length).toBeGreaterThan(0);
});
