import { expect, test } from 'vitest';
import type { Assignment } from '../driver.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { Group } from './group.ts';

function setUp() {
  const clock = manualClock();
  const world = {
    clock,
    isDown: false,
    partitionsOf: (topic: string) => (topic === 't' ? 4 : undefined),
  };
  const group = new Group(world);
  const join = (id: string, topics = ['t']) => {
    const given: (Assignment | Error)[] = [];
    group
      .join({ id, topics, sessionTimeoutMs: 100, rebalanceTimeoutMs: 1_000 })
      .then((one) => given.push(one))
      .catch((error) => given.push(error));
    return given;
  };
  const beat = (id: string, epoch: number) => group.heartbeat(id, epoch, 30);
  return { clock, world, group, join, beat };
}

const partitions = (given: (Assignment | Error)[]) =>
  given.map((one) => ('epoch' in one ? one.partitions.map(({ partition }) => partition) : one));

test('gives all to who is alone, and shares out when another comes', async () => {
  const { clock, join } = setUp();
  const a = join('a');
  await clock.pass(0);
  expect(partitions(a)).toEqual([[0, 1, 2, 3]]);
  const b = join('b');
  await clock.pass(0);
  expect(b).toEqual([]);
  const again = join('a');
  await clock.pass(0);
  expect(partitions(again)).toEqual([[0, 2]]);
  expect(partitions(b)).toEqual([[1, 3]]);
});

test('goes on without who does not come to a rebalance in time', async () => {
  const { clock, group, join, beat } = setUp();
  const a = join('a');
  await clock.pass(0);
  const b = join('b');
  for (let ms = 0; ms < 960; ms += 60) {
    await beat('a', 1);
    await clock.pass(60);
  }
  expect(b).toEqual([]);
  await beat('a', 1);
  await clock.pass(60);
  expect(partitions(b)).toEqual([[0, 1, 2, 3]]);
  expect(group.members).toEqual(['b']);
  await expect(beat('a', 1)).rejects.toMatchObject({ isStale: true });
  expect(a).toHaveLength(1);
});

test('answers the heartbeat that waits as soon as members are to join again', async () => {
  const { clock, group, join, beat } = setUp();
  join('a');
  await clock.pass(0);
  const quiet = beat('a', 1);
  await clock.pass(30);
  expect(await quiet).toBe(false);
  const answer = beat('a', 1);
  group.rebalance();
  expect(await answer).toBe(true);
});

test('removes who is silent for a session, and nobody who beats', async () => {
  const { clock, group, join, beat } = setUp();
  join('a');
  join('b');
  await clock.pass(0);
  join('a');
  await clock.pass(0);
  expect(group.members).toEqual(['a', 'b']);
  await clock.pass(60);
  void beat('b', group.epoch);
  await clock.pass(35);
  const held = beat('b', group.epoch);
  await clock.pass(10);
  expect(await held).toBe(true);
  expect(group.members).toEqual(['b']);
});

test('blames nobody for being silent while the broker is away', async () => {
  const { clock, world, group, join } = setUp();
  join('a');
  await clock.pass(0);
  world.isDown = true;
  await clock.pass(1_000);
  expect(group.members).toEqual(['a']);
  world.isDown = false;
  await clock.pass(1_000);
  expect(group.members).toEqual([]);
});

test('takes commits under the epoch that holds, also while members join again', async () => {
  const { clock, group, join } = setUp();
  const position = { topic: 't', partition: 0, offset: 7 };
  join('a');
  await clock.pass(0);
  group.commit('a', 1, [position]);
  join('b');
  await clock.pass(0);
  group.commit('a', 1, [{ ...position, offset: 8 }]);
  join('a');
  await clock.pass(0);
  const stale = expect.objectContaining({ isStale: true });
  expect(() => group.commit('a', 1, [{ ...position, offset: 9 }])).toThrow(stale);
  expect(() => group.commit('c', 2, [{ ...position, offset: 9 }])).toThrow(stale);
  expect(group.committed(position)).toBe(8);
});

test('forgets what was committed of a topic that is deleted', async () => {
  const { clock, group, join } = setUp();
  join('a');
  await clock.pass(0);
  group.commit('a', 1, [{ topic: 't', partition: 0, offset: 7 }]);
  group.forget('t');
  expect(group.committed({ topic: 't', partition: 0 })).toBeUndefined();
  expect(group.isRebalancing).toBe(true);
});

test('gives a topic only to members that read it', async () => {
  const { clock, join } = setUp();
  const a = join('a', ['other']);
  const b = join('b');
  await clock.pass(0);
  const again = join('a', ['other']);
  await clock.pass(0);
  expect(partitions(a)).toEqual([[]]);
  expect(partitions(again)).toEqual([[]]);
  expect(partitions(b)).toEqual([[0, 1, 2, 3]]);
});

test('a group that all have left goes on counting its epochs', async () => {
  const { clock, group, join } = setUp();
  join('a');
  await clock.pass(0);
  group.remove('a');
  group.remove('a');
  const later = join('b');
  await clock.pass(0);
  expect(later).toMatchObject([{ epoch: 2 }]);
});
