import { Kafka, logLevel } from 'kafkajs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type FaultProxy,
  type KafkaSecurity,
  type KafkaServer,
  startKafka,
  startKafkaCluster,
  startProxy,
} from '../src/index.ts';
import { useServer } from '../src/vitest.ts';
import { isAlive, listeners, startInKilledParent } from './child.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

function client({ url, security }: Pick<KafkaServer, 'url' | 'security'>): Kafka {
  return new Kafka({
    brokers: url.split(','),
    logLevel: logLevel.NOTHING,
    ...(security ? credentials(security) : {}),
  });
}

/** A fresh object each time: kafkajs keeps things in it. */
function credentials({ ca, mechanism, username, password }: KafkaSecurity) {
  return { ssl: { ca: [ca] }, sasl: { mechanism, username, password } };
}

async function createTopic(kafka: Kafka, topic: string, replicationFactor: number): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor }] });
  await admin.disconnect();
}

async function send(kafka: Kafka, topic: string, value: string): Promise<void> {
  const producer = kafka.producer({ retry: { retries: 20, maxRetryTime: 1_000 } });
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: [{ value }] });
  await producer.disconnect();
}

async function countOf(kafka: Kafka, topic: string): Promise<number> {
  const admin = kafka.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  return offsets.reduce((sum, { offset }) => sum + Number(offset), 0);
}

describe('Kafka', () => {
  const server = useServer(startKafka, { own: true });

  test('says what it is, and listens on loopback only', async () => {
    expect(server()).toMatchObject({ name: 'Kafka', version: '4.1.1' });
    const addresses = await listeners(server().pid ?? 0);
    expect(addresses).toHaveLength(3);
    // As IPv4, or as IPv4 within IPv6.
    expect(addresses.filter((address) => !/0100007F:/.test(address))).toEqual([]);
  });

  test('keeps what was written over a kill, on the same port', async () => {
    const kafka = client(server());
    await createTopic(kafka, 'kept', 1);
    await send(kafka, 'kept', 'before');
    const { pid: before = 0, url } = server();
    await server().kill();
    expect(await isAlive(before)).toBe(false);
    await server().restart();
    expect(server().url).toBe(url);
    await send(kafka, 'kept', 'after');
    expect(await countOf(kafka, 'kept')).toBe(2);
  });

  test('of the environment comes first, and is not harmed', async () => {
    vi.stubEnv('TEST_KAFKA_URL', server().url);
    const foreign = await startKafka();
    expect(foreign).toMatchObject({ found: 'TEST_KAFKA_URL', url: server().url, pid: undefined });
    await expect(foreign.kill()).rejects.toMatchObject({ code: 'ERR_TEST_SERVERS_NOT_OURS' });
    vi.stubEnv('TEST_KAFKA_URL', '127.0.0.1:1');
    await expect(startKafka()).rejects.toMatchObject({ code: 'ERR_TEST_SERVERS_UNAVAILABLE' });
  });

  test('ends when its parent is killed', async () => {
    const [pid = 0] = await startInKilledParent('Kafka', 'running');
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });
});

test('Kafka sends clients through a proxy, and asks them who they are', async () => {
  let proxy: FaultProxy | undefined;
  const advertise = async ({ url }: { url: string }) => {
    proxy = await startProxy({ target: url });
    return proxy.port;
  };
  const server = await startKafka({ own: true, secure: true, advertise });
  try {
    const kafka = client(server);
    await createTopic(kafka, 'guarded', 1);
    await send(kafka, 'guarded', 'hello');
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: 'guarded', messages: [{ value: 'again' }] });
    expect(proxy?.connections).toBeGreaterThan(0);
    await producer.disconnect();
    const { security } = server;
    const stranger = security && { ...security, password: 'guessed' };
    await expect(
      countOf(client({ url: server.url, security: stranger }), 'guarded'),
    ).rejects.toThrow('credentials');
  } finally {
    await server.stop();
    await proxy?.stop();
  }
});

describe('a Kafka cluster', () => {
  const cluster = useServer(startKafkaCluster, { own: true });

  test('has three nodes and one version', () => {
    expect(cluster()).toMatchObject({ name: 'Kafka Cluster', version: '4.1.1' });
    expect(cluster().url.split(',')).toEqual(cluster().nodes.map(({ url }) => url));
  });

  test('goes on while a node is dead, and is whole when it comes back', async () => {
    const kafka = client(cluster());
    await createTopic(kafka, 'spread', 3);
    await send(kafka, 'spread', 'all');
    const [first] = cluster().nodes;
    await first?.kill();
    await send(kafka, 'spread', 'two');
    await first?.restart();
    await cluster().untilHealthy();
    expect(await countOf(kafka, 'spread')).toBe(2);
  });

  test('keeps what was written when all its nodes are killed at once', async () => {
    const kafka = client(cluster());
    const before = await countOf(kafka, 'spread');
    await cluster().restart();
    await send(kafka, 'spread', 'after');
    expect(await countOf(kafka, 'spread')).toBe(before + 1);
  });

  test('of the environment comes first, and is not harmed', async () => {
    vi.stubEnv('TEST_KAFKA_CLUSTER_URL', cluster().url);
    const foreign = await startKafkaCluster();
    expect(foreign).toMatchObject({ found: 'TEST_KAFKA_CLUSTER_URL', url: cluster().url });
    await foreign.untilHealthy();
    await expect(foreign.nodes[0]?.kill()).rejects.toMatchObject({
      code: 'ERR_TEST_SERVERS_NOT_OURS',
    });
  });
});
