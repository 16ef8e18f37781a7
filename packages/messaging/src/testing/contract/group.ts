import assert from 'node:assert/strict';
import { DriverError } from '../../errors.ts';
import type { Contract } from '../driver-contract.ts';
import { numbered, until } from './world.ts';

/** What every driver's consumers must do when a group has several. */
export function groupContract(contract: Contract): void {
  contract('members share the partitions, each of them to one', async (world) => {
    const topic = await world.topic(6);
    const group = world.group();
    const driver = await world.another();
    const one = world.member({ group, topics: [topic] });
    const other = world.member({ group, topics: [topic] }, undefined, driver);
    const all = () => [...one.partitions, ...other.partitions].sort();
    await until(
      'both hold some',
      () => one.partitions.length === 3 && other.partitions.length === 3,
    );
    assert.deepEqual(all(), [0, 1, 2, 3, 4, 5]);
    for (let partition = 0; partition < 6; partition += 1) {
      await world.write(topic, numbered(20), partition);
    }
    await until('all is read', () => one.read.length + other.read.length >= 120);
    assert.equal(one.read.length, 60);
    assert.equal(other.read.length, 60);
  });

  contract('groups do not share', async (world) => {
    const topic = await world.topic();
    await world.write(topic, numbered(10));
    const members = [1, 2].map(() => world.member({ group: world.group(), topics: [topic] }));
    await until('both read all', () => members.every(({ read }) => read.length === 10));
  });

  contract('a member gives up its partitions before anybody else gets them', async (world) => {
    const topic = await world.topic(2);
    const group = world.group();
    const driver = await world.another();
    const gate = Promise.withResolvers<void>();
    const one = world.member({ group, topics: [topic] }, (member) => {
      member.onRevoking = () => gate.promise;
    });
    await until('the first holds all', () => one.partitions.length === 2);
    const other = world.member({ group, topics: [topic] }, undefined, driver);
    await until('the first is asked', () => one.events.includes('revoking'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.deepEqual(other.events, []);
    one.onRevoking = async () => undefined;
    gate.resolve();
    await until('they share', () => one.partitions.length === 1 && other.partitions.length === 1);
    assert.equal(one.epoch, other.epoch);
    assert.ok(one.epoch > Number(one.assignments[0]?.epoch));
    assert.ok(!one.events.includes('lost'));
  });

  contract('what is committed while giving up counts for who comes next', async (world) => {
    const topic = await world.topic();
    await world.write(topic, numbered(10));
    const group = world.group();
    const driver = await world.another();
    const one = world.member({ group, topics: [topic] }, (member) => {
      member.onRevoking = ({ epoch }) =>
        member.consumer.commit(epoch, [{ topic, partition: 0, offset: 4 }]);
    });
    await until('all is read', () => one.read.length === 10);
    const other = world.member({ group, topics: [topic] }, undefined, driver);
    await until('the first was asked', () => one.events.includes('revoking'));
    const holdsAgain = () => one.assignments.length > 1 && one.partitions.length === 1;
    await until('somebody holds it again', () => holdsAgain() || other.partitions.length === 1);
    assert.deepEqual(await world.driver.admin.committed(group, topic), [4]);
    const owner = one.partitions.length === 1 ? one : other;
    const before = owner === one ? 10 : 0;
    await until('the rest is read', () => owner.read.length === before + 6);
    assert.equal(owner.read[before]?.record.offset, 4);
  });

  contract('refuses what is committed under an assignment that is over', async (world) => {
    const topic = await world.topic(2);
    const group = world.group();
    const driver = await world.another();
    const one = world.member({ group, topics: [topic] });
    await until('the first holds all', () => one.partitions.length === 2);
    const old = one.epoch;
    const other = world.member({ group, topics: [topic] }, undefined, driver);
    await until('they share', () => one.partitions.length === 1 && other.partitions.length === 1);
    const late = one.consumer.commit(old, [{ topic, partition: 0, offset: 1 }]);
    await assert.rejects(late, (error) => error instanceof DriverError && error.isStale);
    assert.deepEqual(await world.driver.admin.committed(group, topic), [undefined, undefined]);
  });

  contract('a member that is slow to give up stays a member', async (world) => {
    const topic = await world.topic(2);
    const group = world.group();
    const driver = await world.another();
    const { sessionTimeoutMs } = world;
    const one = world.member({ group, topics: [topic] }, (member) => {
      member.onRevoking = async ({ epoch }) => {
        await new Promise((resolve) => setTimeout(resolve, sessionTimeoutMs * 1.5));
        await member.consumer.commit(epoch, [{ topic, partition: 0, offset: 0 }]);
      };
    });
    await until('the first holds all', () => one.partitions.length === 2);
    const other = world.member({ group, topics: [topic] }, undefined, driver);
    await until('the second has its share', () => other.partitions.length === 1);
    one.onRevoking = async () => undefined;
    assert.ok(!one.events.includes('lost'));
    assert.equal((await world.driver.admin.committed(group, topic))[0], 0);
  });

  contract('a member that stops leaves its partitions to the others at once', async (world) => {
    const topic = await world.topic(2);
    const group = world.group();
    const driver = await world.another();
    const sessionTimeoutMs = 30_000;
    const one = world.member({ group, topics: [topic], sessionTimeoutMs });
    const other = world.member({ group, topics: [topic], sessionTimeoutMs }, undefined, driver);
    await until('they share', () => one.partitions.length === 1 && other.partitions.length === 1);
    await one.stop();
    await until('the other holds all', () => other.partitions.length === 2, 20_000);
  });
}
