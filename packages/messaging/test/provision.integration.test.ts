import { startKafkaCluster } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createMessaging, defineTopic, type Messaging, partitionForKey } from '../src/index.ts';
import { kafkajs } from '../src/kafkajs/index.ts';

const schema = z.object({ id: z.string() });
const define = (name: string, partitions: number, config: Record<string, number> = {}) =>
  defineTopic({ name, partitions, replicationFactor: 3, schema, key: (m) => m.id, config });
const shop = [
  define('search-requests', 50, { 'retention.ms': 86_400_000 }),
  define('chat-messages', 100, { 'retention.ms': 604_800_000, 'min.insync.replicas': 2 }),
  define('user-events', 20),
];

describe('on a cluster of three nodes', () => {
  const cluster = useServer(startKafkaCluster);
  let messaging: Messaging;
  const driverOfItsOwn = () => kafkajs(new Kafka({ brokers: cluster().url.split(',') }));

  beforeAll(() => {
    messaging = createMessaging({ name: 'provision', driver: driverOfItsOwn() });
  });
  afterAll(() => messaging.close());

  /** What a client says that knows nothing yet. */
  async function described(...topics: string[]) {
    const driver = driverOfItsOwn();
    const found = await driver.admin.describe(topics);
    await driver.close();
    return found;
  }

  test('the topics of the shop are made with their dead letters, and found unchanged afterwards', async () => {
    const plan = await messaging.provision(shop, { dryRun: true });
    expect(new Set(plan.steps.map(({ kind }) => kind))).toEqual(new Set(['create']));
    expect(plan.steps.length).toBe(6);
    await messaging.provision(shop);
    const again = await messaging.provision(shop);
    expect(again.text).toBe(
      shop.map(({ name }) => `ok         ${name}\nok         ${name}.dlq\n`).join(''),
    );
    const made = await described(...shop.map(({ name }) => name));
    expect(made).toMatchObject(
      shop.map(({ name, partitions }) => ({ name, partitions, replicationFactor: 3 })),
    );
    expect(made[1]?.config['min.insync.replicas']).toEqual({ value: '2', isDefault: false });
  });

  test('a message goes to the partition that the Java client would choose', async () => {
    const [, chat = define('never', 1)] = shop;
    for (const id of ['u1', 'u2', 'ключ']) {
      const { partition } = await messaging.send(chat, { id });
      expect(partition).toBe(partitionForKey(id, 100));
    }
  });

  test('several processes at once make the topics once', async () => {
    const topic = define('made-by-many', 12);
    const processes = Array.from({ length: 4 }, () =>
      createMessaging({ name: 'provision', driver: driverOfItsOwn() }),
    );
    await Promise.all(processes.map((one) => one.provision([topic])));
    await Promise.all(processes.map((one) => one.close()));
    expect((await messaging.provision([topic])).steps.map(({ kind }) => kind)).toEqual([
      'unchanged',
      'unchanged',
    ]);
  });

  test('partitions are raised only when that is allowed', async () => {
    const topic = define('growing', 3);
    await messaging.provision([topic]);
    await messaging.send(topic, { id: 'a' });
    const grown = define('growing', 6);
    await messaging.provision([grown]);
    expect((await messaging.provision([topic])).text).toContain('ok         growing\n');
    await messaging.provision([grown], { raisePartitions: true });
    await expect(messaging.provision([topic])).rejects.toMatchObject({
      ...{ code: 'ERR_MESSAGING_PROVISION_REFUSED', topics: ['growing'] },
    });
    expect(await described('growing')).toMatchObject([{ partitions: 6 }]);
  });

  test('every setting that differs is told', async () => {
    const config = { 'retention.ms': 1_000, 'segment.bytes': 1_048_576 };
    await messaging.provision([define('settled', 1, config)]);
    const other = define('settled', 1, { ...config, 'retention.ms': 2_000 });
    const { steps } = await messaging.provision([other]);
    expect(steps[0]).toEqual({
      ...{ kind: 'drift', topic: 'settled', key: 'retention.ms', wanted: '2000', actual: '1000' },
    });
  });
});
