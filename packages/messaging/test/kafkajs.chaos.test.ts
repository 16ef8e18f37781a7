import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKafkaCluster, type TestServer } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Driver } from '../src/driver.ts';
import { kafkajs } from '../src/kafkajs/index.ts';
import { TextQueue } from './driver-log.ts';
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

describe('one of two partitions moves to the broker that leads the other, and the producer does not know yet', () => {
  /** Each of its two partitions is led by a node of its own. */
  async function apartTopic(): Promise<{ topic: string; unite(): Promise<void> }> {
    await cluster().untilHealthy();
    const topic = `chaos-${randomUUID()}`;
    const admin = bare().admin();
    await admin.connect();
    closing.push(() => admin.disconnect());
    const replicaAssignment = [0, 1].map((partition) => ({ partition, replicas: [partition + 1] }));
    const configEntries = [{ name: 'min.insync.replicas', value: '1' }];
    await admin.createTopics({ topics: [{ topic, replicaAssignment, configEntries }] });
    const partitionAssignment = [{ partition: 1, replicas: [1] }];
    return {
      topic,
      async unite() {
        await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
        const leaders = async () => {
          const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
          return topics[0]?.partitions.map(({ leader }) => leader);
        };
        await expect.poll(leaders).toEqual([1, 1]);
      },
    };
  }

  test('bare: its record is lost, and the send resolves', async () => {
    const { topic, unite } = await apartTopic();
    const producer = bare().producer();
    await producer.connect();
    closing.push(() => producer.disconnect());
    const messages = [0, 1].map((partition) => ({ partition, value: `${partition}` }));
    await producer.send({ topic, messages });
    await unite();
    await producer.send({ topic, messages });
    expect(await open().admin.offsets(topic, 'latest')).toEqual([2, 1]);
  });

  test('ours: both are written', async () => {
    const { topic, unite } = await apartTopic();
    const driver = open();
    const producer = driver.producer({ compression: 'none', maxBatchBytes: 900_000 });
    await producer.partitionsOf(topic);
    const queues = [0, 1].map((partition) => new TextQueue(producer, { topic, partition }));
    const send = () => Promise.all(queues.map((queue) => queue.send('x')));
    expect(await send()).toMatchObject([{ offset: 0 }, { offset: 0 }]);
    await unite();
    expect(await send()).toMatchObject([{ offset: 1 }, { offset: 1 }]);
    expect(await driver.admin.offsets(topic, 'latest')).toEqual([2, 2]);
  });
});
