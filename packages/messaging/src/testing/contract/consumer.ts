import assert from 'node:assert/strict';
import type { Driver } from '../../driver.ts';
import type { Contract } from '../driver-contract.ts';
import { TestQueue } from './test-queue.ts';
import { bytes, numbered, plain, record, texts, until } from './world.ts';

/** What every driver's consumer must do when it is the only one of its group. */
export function consumerContract(contract: Contract): void {
  contract('reads every record of every partition once, in order', async (world) => {
    const topic = await world.topic(3);
    for (const partition of [0, 1, 2]) {
      await world.write(topic, numbered(200, `${partition}:`), partition);
    }
    const member = world.member({ group: world.group(), topics: [topic] });
    await until('all is read', () => member.read.length >= 600);
    for (const partition of [0, 1, 2]) {
      assert.deepEqual(texts(member.recordsOf(partition)), numbered(200, `${partition}:`));
      assert.equal(member.ends.get(partition), 200);
    }
  });

  contract('is given its partitions before any record, and none twice', async (world) => {
    const topic = await world.topic(2);
    await world.write(topic, numbered(10));
    const member = world.member({ group: world.group(), topics: [topic] });
    await until('all is read', () => member.read.length === 10);
    assert.equal(member.events[0], 'assigned');
    assert.deepEqual(member.partitions, [0, 1]);
  });

  contract('reads on while more is written', async (world) => {
    const topic = await world.topic();
    const member = world.member({ group: world.group(), topics: [topic] });
    for (let round = 1; round <= 3; round += 1) {
      await world.write(topic, numbered(20, `${round}:`));
      await until('the round is read', () => member.read.length === round * 20);
    }
  });

  contract('reads the bytes that were written', async (world) => {
    const topic = await world.topic();
    const odd = record({
      key: Uint8Array.of(0, 255),
      headers: [
        ['same', bytes('a')],
        ['same', null],
      ],
    });
    const producer = world.producer();
    const queue = new TestQueue({ topic, partition: 0 });
    const written = queue.addWritten(odd);
    producer.offer(queue);
    await written;
    const member = world.member({ group: world.group(), topics: [topic] });
    await until('it is read', () => member.read.length === 1);
    assert.deepEqual(member.recordsOf(0).map(plain), [plain(odd)]);
  });

  contract('begins at the end when it is told so', async (world) => {
    const topic = await world.topic();
    await world.write(topic, numbered(50, 'old'));
    const member = world.member({ group: world.group(), topics: [topic], from: 'latest' });
    await until('it holds the partition', () => member.partitions.length === 1);
    let count = 0;
    await until('something new is read', async () => {
      await world.write(topic, [`new${count++}`]);
      return member.read.length > 0;
    });
    const read = texts(member.recordsOf(0));
    assert.ok(read.every((text) => text.startsWith('new')));
  });

  contract('begins anew where the committed offset is of no record', async (world) => {
    const topic = await world.topic();
    await world.write(topic, numbered(5));
    const group = world.group();
    await world.driver.admin.setCommitted(group, [{ topic, partition: 0, offset: 1_000 }]);
    const member = world.member({ group, topics: [topic] });
    await until('all is read', () => member.read.length === 5);
  });

  contract('goes on behind what was committed', async (world) => {
    const topic = await world.topic(2);
    await world.write(topic, numbered(10));
    const group = world.group();
    const first = world.member({ group, topics: [topic] });
    await until('all is read', () => first.read.length === 10);
    await first.consumer.commit(first.epoch, [{ topic, partition: 0, offset: 7 }]);
    assert.deepEqual(await world.driver.admin.committed(group, topic), [7, undefined]);
    await first.stop();
    const second = world.member({ group, topics: [topic] });
    await until('the rest is read', () => second.read.length >= 3);
    assert.deepEqual(texts(second.recordsOf(0)), ['7', '8', '9']);
    assert.ok(Number(second.assignments[0]?.epoch) > Number(first.assignments[0]?.epoch));
  });

  contract('gives nothing of a paused partition, and misses nothing of it', async (world) => {
    const topic = await world.topic(2);
    await world.write(topic, numbered(2_000, 'a'), 0);
    const member = world.member({ group: world.group(), topics: [topic] }, (one) => {
      one.onRecords = ({ partition }) => {
        if (partition === 0) one.consumer.pause([{ topic, partition }]);
      };
    });
    await until('something is read', () => member.recordsOf(0).length > 0);
    const before = member.recordsOf(0).length;
    await world.write(topic, numbered(20, 'b'), 1);
    await world.write(topic, numbered(20, 'c'), 0);
    await until('the other partition is read', () => member.recordsOf(1).length === 20);
    assert.equal(member.recordsOf(0).length, before);
    member.onRecords = () => undefined;
    member.consumer.resume([{ topic, partition: 0 }]);
    await until('the rest is read', () => member.recordsOf(0).length >= 2_020);
    assert.deepEqual(texts(member.recordsOf(0)), [...numbered(2_000, 'a'), ...numbered(20, 'c')]);
  });

  contract('gives nothing of a partition that is paused while it waits for more', async (world) => {
    const topic = await world.topic(2);
    const member = world.member({ group: world.group(), topics: [topic] });
    await world.write(topic, ['before'], 0);
    await until('it is read', () => member.recordsOf(0).length === 1);
    member.consumer.pause([{ topic, partition: 0 }]);
    await world.write(topic, numbered(20), 0);
    await world.write(topic, ['other'], 1);
    await until('the other partition is read', () => member.recordsOf(1).length === 1);
    assert.equal(member.recordsOf(0).length, 1);
    member.consumer.resume([{ topic, partition: 0 }]);
    await until('the rest is read', () => member.recordsOf(0).length >= 21);
    assert.deepEqual(texts(member.recordsOf(0)), ['before', ...numbered(20)]);
  });

  contract('begins where assigned has it seek', async (world) => {
    const topic = await world.topic();
    await world.write(topic, numbered(20));
    const member = world.member({ group: world.group(), topics: [topic] }, (one) => {
      one.onAssigned = () => one.consumer.seek({ topic, partition: 0 }, 15);
    });
    await until('the rest is read', () => member.read.length >= 5);
    assert.deepEqual(texts(member.recordsOf(0)), numbered(20).slice(15));
  });

  contract('goes back where it is told to seek, at once', async (world) => {
    const topic = await world.topic();
    await world.write(topic, numbered(20));
    const member = world.member({ group: world.group(), topics: [topic] });
    await until('all is read', () => member.read.length === 20);
    member.consumer.seek({ topic, partition: 0 }, 18);
    await until('the last are read again', () => member.read.length >= 22);
    assert.deepEqual(texts(member.recordsOf(0)).slice(20), ['18', '19']);
  });

  contract('gives up its partitions before it stops, and stops soon', async (world) => {
    const topic = await world.topic();
    await world.write(topic, numbered(5));
    const group = world.group();
    const member = world.member({ group, topics: [topic] });
    await until('all is read', () => member.read.length === 5);
    member.onRevoking = async ({ epoch }) => {
      await member.consumer.commit(epoch, [{ topic, partition: 0, offset: 5 }]);
    };
    const beganMs = performance.now();
    await member.stop();
    assert.ok(performance.now() - beganMs < 5_000, 'took longer than 5 s');
    assert.equal(member.events.at(-1), 'revoking');
    assert.deepEqual([member.hasEnded, member.failure], [true, undefined]);
    assert.deepEqual(await world.driver.admin.committed(group, topic), [5]);
  });

  contract('can be stopped while it joins', async (world) => {
    const topic = await world.topic();
    const member = world.member({ group: world.group(), topics: [topic] });
    await member.stop();
    assert.deepEqual([member.hasEnded, member.failure], [true, undefined]);
  });

  contract('fails when there is no such topic', async (world) => {
    const member = world.member({ group: world.group(), topics: [world.group()] });
    await until('run has ended', () => member.hasEnded);
    assert.ok(member.failure instanceof Error);
    assert.equal(member.held, undefined);
  });

  contract('reads partitions that are added while it runs', async (world) => {
    const topic = await world.topic();
    const member = world.member({ group: world.group(), topics: [topic] });
    await until('it holds the partition', () => member.partitions.length === 1);
    await world.driver.admin.raisePartitions(topic, 3);
    await until('it holds them all', () => member.partitions.length === 3);
    await world.write(topic, ['new'], 2);
    await until('the new one is read', () => member.recordsOf(2).length === 1);
  });
}

/** What becomes of a member that vanishes. */
export function crashContract(
  contract: Contract,
  crash: (driver: Driver) => void | Promise<void>,
): void {
  contract('partitions of a member that vanished go to the others', async (world) => {
    const topic = await world.topic(4);
    const group = world.group();
    const doomed = await world.another();
    const consumer = doomed.consumer({
      group,
      topics: [topic],
      from: 'earliest',
      sessionTimeoutMs: world.sessionTimeoutMs,
      rebalanceTimeoutMs: 10_000,
    });
    const held: number[] = [];
    const running = consumer.run({
      assigned: ({ partitions }) => held.push(partitions.length),
      revoking: async () => undefined,
      lost: () => undefined,
      records: () => undefined,
      trouble: () => undefined,
    });
    running.catch(() => undefined);
    await until('it holds them all', () => held.at(-1) === 4);
    const other = world.member({ group, topics: [topic] });
    await until('they share', () => held.at(-1) === 2 && other.partitions.length === 2);
    await crash(doomed);
    await until('the other holds them all', () => other.partitions.length === 4);
    await world.write(topic, ['a'], 0);
    await world.write(topic, ['b'], 3);
    await until('the other reads', () => other.read.length === 2);
  });
}
