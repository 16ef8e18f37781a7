import { setTimeout as sleep } from 'node:timers/promises';
import { startKafkaCluster } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { expect, test } from 'vitest';
import { nothingLost } from './faults/account.ts';
import { Mate } from './faults/crew.ts';
import { seeded } from './faults/random.ts';
import { Scene, say } from './faults/scene.ts';

const cluster = useServer(startKafkaCluster, { own: true });

test('nothing is lost while a leader is killed, a node hangs and all nodes are killed', async () => {
  const scene = await Scene.open(cluster().url);
  const group = scene.group();
  for (const name of ['a', 'b', 'c']) await scene.member(group, name);
  const sending = scene.send();
  await expect.poll(() => scene.journal.count(group)).toBeGreaterThan(300);
  const [first, second] = cluster().nodes;
  await first?.kill();
  await sleep(5_000);
  await first?.restart();
  await cluster().untilHealthy();
  await second?.pause();
  await sleep(15_000);
  await second?.resume();
  await cluster().untilHealthy();
  await cluster().kill();
  await sleep(10_000);
  await cluster().restart();
  const account = (await scene.settle(sending)).get(group);
  say('a leader killed, a node paused for 15 s, all killed for 10 s', { ...account });
  expect(account).toMatchObject({ ...nothingLost, together: 0 });
}, 180_000);

test('no key is with two members at once while members come and go in mid-work', async () => {
  await cluster().untilHealthy();
  const scene = await Scene.open(cluster().url);
  const group = scene.group();
  const slow = { workMs: 50 };
  const first = await scene.member(group, 'first', slow);
  const sending = scene.send();
  const partitionsOf = (one = first) => one.stats().subscriptions[0]?.partitions;
  await expect.poll(() => partitionsOf(), { timeout: 20_000 }).toBe(6);
  for (let round = 0; round < 4; round += 1) {
    const others = await Promise.all(
      ['x', 'y'].map((name) => scene.member(group, `${name}${round}`, slow)),
    );
    await expect
      .poll(() => others.map((one) => partitionsOf(one)), { timeout: 20_000 })
      .toEqual([2, 2]);
    const before = scene.journal.count(group);
    await expect.poll(() => scene.journal.count(group)).toBeGreaterThan(before + 200);
    await Promise.all(others.map((one) => one.close()));
    await expect.poll(() => partitionsOf(), { timeout: 20_000 }).toBe(6);
  }
  const account = (await scene.settle(sending)).get(group);
  say('eight members came and went', { ...account });
  expect(account).toMatchObject({ ...nothingLost, redelivered: 0, lettersAgain: 0, together: 0 });
}, 120_000);

test('nothing is lost while 36 processes are killed between work and commit', async () => {
  const seed = Number(process.env['FAULTS_SEED'] ?? Date.now() % 1_000_000);
  const random = seeded(seed);
  await cluster().untilHealthy();
  const scene = await Scene.open(cluster().url);
  const options = { sessionTimeoutMs: 2_000 };
  const groups = [scene.group(), scene.group()];
  for (const [i, group] of groups.entries()) await scene.member(group, `lasting ${i}`, options);
  const sending = scene.send({ rate: 200 });
  let kills = 0;
  while (kills < 36) {
    // Three at once join each of the groups, and die at moments of their own.
    const names = groups.flatMap((group) =>
      [0, 1, 2].map((i) => ({ group, name: `${kills}/${i}` })),
    );
    const mates = names.map(
      ({ group, name }) =>
        new Mate(scene.options(group, `${name} ${group}`, options), scene.journal),
    );
    await Promise.all(mates.map((mate) => mate.killAfter(1 + Math.floor(random() * 30))));
    kills += mates.length;
  }
  const accounts = await scene.settle(sending);
  for (const group of groups) {
    const account = accounts.get(group);
    say(`${kills} processes killed, seed ${seed}`, { ...account });
    expect(account).toMatchObject(nothingLost);
    expect(account?.redelivered).toBeGreaterThan(0);
  }
}, 180_000);
