import assert from 'node:assert/strict';
import { DriverError } from '../../errors.ts';
import type { Contract } from '../driver-contract.ts';
import { TestQueue } from './test-queue.ts';
import { bytes, numbered, record, texts, until } from './world.ts';

/** What every driver's admin must do. */
export function adminContract(contract: Contract): void {
  contract('describes topics in the order asked, also those that are not there', async (world) => {
    const topic = await world.topic(3, { 'retention.ms': '123456' });
    const [missing, known] = await world.driver.admin.describe([world.group(), topic]);
    assert.equal(missing, undefined);
    assert.equal(known?.name, topic);
    assert.equal(known.partitions, 3);
    assert.ok(known.replicationFactor >= 1);
    assert.deepEqual(known.config['retention.ms'], { value: '123456', isDefault: false });
    assert.equal(known.config['cleanup.policy']?.isDefault, true);
  });

  contract('leaves a topic that is there as it is', async (world) => {
    const name = await world.topic(2);
    await world.driver.admin.create({ name, partitions: 5, config: {} });
    const [known] = await world.driver.admin.describe([name]);
    assert.equal(known?.partitions, 2);
  });

  contract('a topic can be written and read as soon as it was created', async (world) => {
    const topic = await world.topic(4);
    assert.deepEqual(await world.driver.admin.offsets(topic, 'latest'), [0, 0, 0, 0]);
    assert.deepEqual(await world.write(topic, ['first'], 3), [0]);
  });

  contract('refuses a topic that cannot be', async (world) => {
    const create = world.driver.admin.create({ name: 'not a name', partitions: 1, config: {} });
    await assert.rejects(create, (error) => error instanceof DriverError && !error.isRetriable);
  });

  contract('gives the first and the next offset of each partition', async (world) => {
    const topic = await world.topic(2);
    await world.write(topic, numbered(7), 1);
    assert.deepEqual(await world.driver.admin.offsets(topic, 'earliest'), [0, 0]);
    assert.deepEqual(await world.driver.admin.offsets(topic, 'latest'), [0, 7]);
  });

  contract('finds the first record of a time or later', async (world) => {
    const topic = await world.topic();
    const producer = world.producer();
    const queue = new TestQueue({ topic, partition: 0 });
    const beganMs = Date.now() - 10_000;
    const offsets = [0, 1_000, 2_000].map((ms) =>
      queue.addWritten(record({ value: bytes(`${ms}`), timestamp: beganMs + ms })),
    );
    producer.offer(queue);
    await Promise.all(offsets);
    const at = (ms: number) => world.driver.admin.offsets(topic, beganMs + ms);
    assert.deepEqual(await at(-1), [0]);
    assert.deepEqual(await at(1_000), [1]);
    assert.deepEqual(await at(1_001), [2]);
    assert.deepEqual(await at(2_001), [3]);
  });

  contract('reads without a group, from any offset to the end', async (world) => {
    const topic = await world.topic(2);
    await world.write(topic, numbered(30), 1);
    const from = (offset: number) => world.driver.admin.read({ topic, partition: 1, offset });
    const read = await from(25);
    assert.deepEqual(texts(read), numbered(30).slice(25));
    assert.deepEqual(
      read.map(({ offset }) => offset),
      [25, 26, 27, 28, 29],
    );
    assert.deepEqual(await from(30), []);
  });

  contract('sets the offsets of a group that has no members', async (world) => {
    const topic = await world.topic(2);
    const group = world.group();
    await world.write(topic, numbered(10));
    assert.deepEqual(await world.driver.admin.committed(group, topic), [undefined, undefined]);
    await world.driver.admin.setCommitted(group, [{ topic, partition: 0, offset: 6 }]);
    assert.deepEqual(await world.driver.admin.committed(group, topic), [6, undefined]);
    const member = world.member({ group, topics: [topic] });
    await until('the rest is read', () => member.read.length === 4);
    const late = world.driver.admin.setCommitted(group, [{ topic, partition: 0, offset: 0 }]);
    await assert.rejects(late, DriverError);
    assert.deepEqual(await world.driver.admin.committed(group, topic), [6, undefined]);
  });

  contract('producers see partitions that are added', async (world) => {
    const topic = await world.topic();
    const producer = world.producer();
    assert.equal(await producer.partitionsOf(topic), 1);
    await world.driver.admin.raisePartitions(topic, 4);
    const [known] = await world.driver.admin.describe([topic]);
    assert.equal(known?.partitions, 4);
    const fresh = world.producer();
    assert.equal(await fresh.partitionsOf(topic), 4);
    assert.deepEqual(await world.write(topic, ['new'], 3), [0]);
  });

  contract('refuses to take partitions away', async (world) => {
    const topic = await world.topic(3);
    await assert.rejects(world.driver.admin.raisePartitions(topic, 2), DriverError);
  });

  contract('fails for topics that are not there', async (world) => {
    const { admin } = world.driver;
    const topic = world.group();
    const isOurs = (error: unknown) =>
      error instanceof Error && String(Reflect.get(error, 'code')).startsWith('ERR_MESSAGING_');
    await assert.rejects(admin.offsets(topic, 'latest'), isOurs);
    await assert.rejects(admin.raisePartitions(topic, 2), isOurs);
    await assert.rejects(admin.read({ topic, partition: 0, offset: 0 }), isOurs);
  });

  contract(
    'answers nothing any more once the driver is closed, and does not hang',
    async (world) => {
      const driver = await world.another();
      await driver.admin.describe([]);
      await driver.close();
      await assert.rejects(driver.admin.offsets(world.group(), 'latest'));
    },
  );
}
