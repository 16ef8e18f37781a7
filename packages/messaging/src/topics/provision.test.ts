import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { memory } from '../memory/index.ts';
import { createMessaging, type Messaging } from '../messaging.ts';
import type { ProvisionStep } from './provision-plan.ts';
import { defineTopic, type TopicOptions } from './topic.ts';

const schema = z.string();
const define = (name: string, options: Partial<TopicOptions<typeof schema>> = {}) =>
  defineTopic({ name, partitions: 3, schema, deadLetter: false, ...options });

async function withMessaging<T>(
  work: (messaging: Messaging, driver: ReturnType<typeof memory>) => Promise<T>,
): Promise<T> {
  const driver = memory();
  await using messaging = createMessaging({ name: 'test', driver });
  return await work(messaging, driver);
}

const kinds = (steps: readonly ProvisionStep[]) => steps.map(({ kind, topic }) => [kind, topic]);

describe('provision', () => {
  test('makes a topic and its dead letters, once', async () => {
    await withMessaging(async (messaging, driver) => {
      const config = { 'retention.ms': 5_000, 'min.insync.replicas': 2, 'max.message.bytes': 2e6 };
      const topic = define('a', { deadLetter: true, partitions: 7, config });
      const first = await messaging.provision([topic, topic]);
      expect(kinds(first.steps)).toEqual([
        ['create', 'a'],
        ['create', 'a.dlq'],
      ]);
      expect(first.isApplied).toBe(true);
      const [made, letters] = await driver.admin.describe(['a', 'a.dlq']);
      expect(made).toMatchObject({ partitions: 7, config: { 'retention.ms': { value: '5000' } } });
      expect(letters).toMatchObject({
        partitions: 1,
        config: {
          'retention.ms': { value: '2592000000' },
          'min.insync.replicas': { value: '2' },
          'max.message.bytes': { value: '2016384' },
        },
      });
      const again = await messaging.provision([topic]);
      expect(kinds(again.steps)).toEqual([
        ['unchanged', 'a'],
        ['unchanged', 'a.dlq'],
      ]);
    });
  });

  test('makes the retry topics of the subscriptions that are known', async () => {
    await withMessaging(async (messaging) => {
      const retry = { topics: true, backoffMs: [1, 2], attempts: 3 };
      const topic = define('a', { retry });
      const other = define('b', { retry });
      for (const group of ['g', 'h', 'g']) messaging.subscribe(topic, () => undefined, { group });
      messaging.subscribe(define('c'), () => undefined, { group: 'g' });
      const { steps } = await messaging.provision([topic, other, define('c')], { dryRun: true });
      const names = steps.map((step) => step.topic);
      const retries = ['g', 'h'].flatMap((group) => [`a.${group}.retry.1`, `a.${group}.retry.2`]);
      expect(names).toEqual(['a', ...retries, 'b', 'c']);
      expect(steps[1]).toMatchObject({ spec: { partitions: 3, config: {} } });
    });
  });

  test('gives dead letters and retries room for more than the largest message of their topic', async () => {
    await withMessaging(async (messaging, driver) => {
      const sizes = async (...names: string[]) =>
        (await driver.admin.describe(names)).map((one) => one?.config['max.message.bytes']?.value);
      const retry = { topics: true, backoffMs: [1] };
      const topics = [define('plain', { deadLetter: true, retry })];
      messaging.subscribe(define('plain', { retry }), () => undefined, { group: 'g' });
      const { text } = await messaging.provision(topics);
      expect(text).toContain('create     plain.dlq: partitions 1, retention.ms=2592000000, max.m');
      const room = String(1_048_588 + 16_384);
      expect(await sizes('plain', 'plain.dlq', 'plain.g.retry.1')).toEqual([
        ...['1048588', room, room],
      ]);
      expect((await messaging.provision(topics)).text).toBe(
        'ok         plain\nok         plain.dlq\nok         plain.g.retry.1\n',
      );
    });
  });

  test('asks the cluster how large the messages of a topic can be that does not say so', async () => {
    await withMessaging(async (messaging, driver) => {
      const { create } = driver.admin;
      // As on a cluster whose own limit is another one.
      driver.admin.create = (spec) =>
        create.call(driver.admin, {
          ...spec,
          config: { 'max.message.bytes': '5000000', ...spec.config },
        });
      const topic = define('a', { deadLetter: true });
      const { steps } = await messaging.provision([topic]);
      expect(steps[1]).toMatchObject({ spec: { config: { 'max.message.bytes': '5016384' } } });
      expect(kinds((await messaging.provision([topic])).steps)).toEqual([
        ['unchanged', 'a'],
        ['unchanged', 'a.dlq'],
      ]);
      const larger = define('a', { deadLetter: true, config: { 'max.message.bytes': 6_000_000 } });
      const { text } = await messaging.provision([larger], { dryRun: true });
      expect(text).toContain('a.dlq: max.message.bytes is 5016384, wanted 6016384');
    });
  });

  test('tells of dead letters with too little room, and not of those with more', async () => {
    await withMessaging(async (messaging, driver) => {
      const create = (name: string, bytes: number) =>
        driver.admin.create({
          ...{ name, partitions: 1 },
          config: { 'max.message.bytes': String(bytes), 'retention.ms': '2592000000' },
        });
      await create('a.dlq', 1_048_588);
      await create('b.dlq', 9_000_000);
      const topics = ['a', 'b'].map((name) => define(name, { deadLetter: true }));
      expect((await messaging.provision(topics)).text.split('\n')).toEqual([
        'create     a: partitions 3',
        'differs    a.dlq: max.message.bytes is 1048588, wanted 1064972',
        'create     b: partitions 3',
        'ok         b.dlq',
        '',
      ]);
    });
  });

  test('a topic of dead letters that is given itself is as it says, wherever it is given', async () => {
    await withMessaging(async (messaging) => {
      const topic = define('a', { deadLetter: true });
      const config = { 'max.message.bytes': 7_000 };
      const said = define('a.dlq', { partitions: 2, config });
      const silent = define('a.dlq', { partitions: 2 });
      for (const [letters, bytes] of [
        [said, '7000'],
        [silent, '1064972'],
      ] as const) {
        for (const topics of [
          [topic, letters],
          [letters, topic],
        ]) {
          const { steps } = await messaging.provision(topics, { dryRun: true });
          expect(kinds(steps).map(([, name]) => name)).toEqual(['a', 'a.dlq']);
          const spec = { partitions: 2, config: { 'max.message.bytes': bytes } };
          expect(steps[1]).toMatchObject({ spec });
        }
      }
    });
  });

  test('only looks and tells in a dry run', async () => {
    await withMessaging(async (messaging, driver) => {
      const plan = await messaging.provision(
        [define('a', { replicationFactor: 3, config: { 'retention.ms': 1 } })],
        { dryRun: true },
      );
      expect(plan.isApplied).toBe(false);
      expect(plan.text).toBe('create     a: partitions 3, replication 3, retention.ms=1\n');
      expect(await driver.admin.describe(['a'])).toEqual([undefined]);
    });
  });

  test('raises partitions only when it is told to', async () => {
    await withMessaging(async (messaging, driver) => {
      await messaging.provision([define('a', { partitions: 2 })]);
      const raised = define('a', { partitions: 5 });
      const refused = await messaging.provision([raised]);
      expect(refused.steps).toEqual([
        { kind: 'raise-partitions', topic: 'a', from: 2, to: 5, isAllowed: false },
      ]);
      expect(refused.text).toContain('raised only with raisePartitions: true');
      expect((await driver.admin.describe(['a']))[0]?.partitions).toBe(2);
      const allowed = await messaging.provision([raised], { raisePartitions: true });
      expect(allowed.text).toContain('the order of a key breaks');
      expect((await driver.admin.describe(['a']))[0]?.partitions).toBe(5);
    });
  });

  test('refuses to shrink before it changes anything', async () => {
    await withMessaging(async (messaging, driver) => {
      await messaging.provision([define('b', { partitions: 5 })]);
      const wanted = [define('a'), define('b', { partitions: 4 })];
      await expect(messaging.provision(wanted)).rejects.toMatchObject({
        code: 'ERR_MESSAGING_PROVISION_REFUSED',
        topics: ['b'],
        message: 'nothing was provisioned: "b" has 5 partitions and cannot have 4',
      });
      expect(await driver.admin.describe(['a'])).toEqual([undefined]);
      const { text } = await messaging.provision(wanted, { dryRun: true });
      expect(text).toContain('impossible b: has 5 partitions, wanted 4');
    });
  });

  test('tells of everything that a topic states and that is otherwise', async () => {
    await withMessaging(async (messaging) => {
      await messaging.provision([define('a', { config: { 'retention.ms': 1, 'segment.ms': 2 } })]);
      const config = { 'retention.ms': 3, 'segment.ms': 2, 'no.such.key': 4 };
      const { steps, text } = await messaging.provision([
        define('a', { config, replicationFactor: 9 }),
      ]);
      const drift = { kind: 'drift', topic: 'a' };
      expect(steps).toEqual([
        { ...drift, key: 'replicationFactor', wanted: '9', actual: expect.any(String) },
        { ...drift, key: 'retention.ms', wanted: '3', actual: '1' },
        { ...drift, key: 'no.such.key', wanted: '4', actual: undefined },
      ]);
      expect(text).toContain('differs    a: retention.ms is 1, wanted 3\n');
      expect(text).toContain('differs    a: no.such.key is not known, wanted 4\n');
    });
  });

  test.each([
    [{ force: true }, 'provision has no option "force"'],
    [{ dryRun: 1 }, 'dryRun must be true or false, got 1'],
    [{ raisePartitions: 'yes' }, 'raisePartitions must be true or false, got "yes"'],
  ])('refuses %j', async (options, message) => {
    await withMessaging(async (messaging) => {
      await expect(messaging.provision([], Object(options))).rejects.toThrow(message);
    });
  });

  test.each([
    [undefined, 'topics must be an array, got undefined'],
    [{ name: 'stock' }, 'topics must be an array, got an instance of Object'],
    [[define('a'), 'stock'], 'topics[1] must come from defineTopic(), got "stock"'],
  ])('takes topics, and not %j', async (topics, message) => {
    await withMessaging(async (messaging) => {
      const provision = async () => Reflect.apply(messaging.provision, messaging, [topics]);
      await expect(provision()).rejects.toThrow(message);
    });
  });

  test('is over after close', async () => {
    const messaging = createMessaging({ name: 'test', driver: memory() });
    await messaging.close();
    await expect(messaging.provision([])).rejects.toMatchObject({ code: 'ERR_MESSAGING_CLOSED' });
  });
});
