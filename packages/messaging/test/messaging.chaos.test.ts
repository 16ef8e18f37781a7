import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKafkaCluster } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { expect, onTestFinished, test } from 'vitest';
import { nothingLost } from './faults/account.ts';
import type { Manner } from './faults/closing.child.ts';
import { Closing } from './faults/closing.ts';
import { Mate } from './faults/crew.ts';
import { causelessRepeats } from './faults/journal.ts';
import { lettersOf, missingLetters } from './faults/letters.ts';
import { joinWith, messagingOn } from './faults/member.ts';
import { Operator } from './faults/operator.ts';
import { seeded } from './faults/random.ts';
import { maxUncommitted, Scene, say } from './faults/scene.ts';
import { workTopic } from './faults/work.ts';

const cluster = useServer(startKafkaCluster, { own: true });
const operator = () => new Operator(cluster().url);
/** For what takes a rebalance or a failover. */
const long = { timeout: 30_000 };
/** Of every close. */
const timeoutMs = 3_000;

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
  const pausedMs = performance.now();
  await second?.pause();
  await sleep(15_000);
  const resumedMs = performance.now();
  await second?.resume();
  await cluster().untilHealthy();
  await cluster().kill();
  await sleep(10_000);
  await cluster().restart();
  const account = (await scene.settle(sending)).get(group);
  const meanwhile = (await sending.stop()).filter(
    ({ beganMs }) => beganMs > pausedMs && beganMs < resumedMs,
  );
  const longestMs = Math.max(...meanwhile.map(({ tookMs }) => tookMs));
  say('a leader killed, a node paused for 15 s, all killed for 10 s', { ...account });
  say('the longest send beside the paused node, ms', { longestMs: Math.round(longestMs) });
  expect(account).toMatchObject({ ...nothingLost, together: 0 });
  // Three faults, six partitions.
  expect(account?.redelivered).toBeLessThanOrEqual(3 * 6 * maxUncommitted);
  expect(longestMs).toBeLessThan(8_000);
}, 180_000);

test('no key is with two members at once while members come and go in mid-work', async () => {
  await cluster().untilHealthy();
  const scene = await Scene.open(cluster().url);
  const group = scene.group();
  const slow = { workMs: 50 };
  const first = await scene.member(group, 'first', slow);
  const sending = scene.send();
  const partitionsOf = (one = first) => one.stats().subscriptions[0]?.partitions;
  await expect.poll(() => partitionsOf(), long).toBe(6);
  for (let round = 0; round < 4; round += 1) {
    const others = await Promise.all(
      ['x', 'y'].map((name) => scene.member(group, `${name}${round}`, slow)),
    );
    await expect.poll(() => others.map((one) => partitionsOf(one)), long).toEqual([2, 2]);
    const before = scene.journal.count(group);
    await expect.poll(() => scene.journal.count(group)).toBeGreaterThan(before + 200);
    await Promise.all(others.map((one) => one.close()));
    await expect.poll(() => partitionsOf(), long).toBe(6);
  }
  const account = (await scene.settle(sending)).get(group);
  const causeless = causelessRepeats(scene.journal.of(group));
  say('eight members came and went', { ...account, causeless });
  expect(account).toMatchObject({ ...nothingLost, lettersAgain: 0, together: 0 });
  expect(causeless).toBe(0);
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
    const held = scene.journal.heldByTheDead(group);
    expect(account?.redelivered).toBeLessThanOrEqual(held * maxUncommitted);
  }
}, 300_000);

test('while dead letters cannot be written nothing is dropped, health says so, and all goes on after', async () => {
  await cluster().untilHealthy();
  const scene = await Scene.open(cluster().url, { partitions: 3 });
  const { topic, driver } = scene;
  const group = scene.group();
  const member = await scene.member(group, 'only');
  const dlq = `${topic.name}.dlq`;
  const stages = [
    {
      what: 'are gone',
      from: () => operator().remove(dlq),
      to: () => scene.messaging.provision([topic]),
    },
    {
      what: 'are too small for any letter',
      from: () => operator().configure(dlq, 'max.message.bytes', '100'),
      to: () => operator().configure(dlq, 'max.message.bytes', '100000'),
    },
  ];
  // Before the first letter, since what is deleted cannot be counted.
  await stages[0]?.from();
  const sending = scene.send({ rate: 100 });
  for (const { what, from, to } of stages) {
    if (what !== stages[0]?.what) await from();
    const refused = expect.stringContaining(`"${dlq}" cannot be written`);
    await expect
      .poll(() => member.health(), long)
      .toMatchObject({ status: 'degraded', reasons: expect.arrayContaining([refused]) });
    await expect.poll(() => member.stats().subscriptions[0]?.paused, long).toBe(3);
    say(`dead letters ${what}`, member.health().reasons);
    const committed = await driver.admin.committed(group, topic.name);
    const letters = await lettersOf(driver, topic.name).catch(() => []);
    expect(missingLetters(scene.journal.of(group), committed, letters)).toEqual([]);
    await to();
    await expect.poll(() => member.health().status, { timeout: 60_000 }).toBe('up');
  }
  const account = (await scene.settle(sending)).get(group);
  say('dead letters could not be written twice', { ...account });
  expect(account).toMatchObject({ ...nothingLost, together: 0 });
}, 150_000);

test('a topic grows, one is deleted, one is sent what is too large, and the others do not feel it', async () => {
  await cluster().untilHealthy();
  const { url } = cluster();
  const growing = await Scene.open(url, { partitions: 3 });
  const { messaging } = growing;
  const doomed = await Scene.open(url, { partitions: 2, messaging });
  const config = { 'max.message.bytes': 100_000 };
  const steady = await Scene.open(url, { partitions: 3, config, messaging });
  const reader = messagingOn(url, 'reader');
  onTestFinished(() => reader.close({ timeoutMs: 2_000 }));
  const readBy = (scene: Scene) => {
    const group = scene.group();
    const subscription = joinWith(reader, scene.options(group, 'only'), scene.journal.add);
    return { group, subscription };
  };
  const [grows, dies, stays] = [readBy(growing), readBy(doomed), readBy(steady)];
  await reader.start();
  const [toGrowing, toSteady] = [growing.send(), steady.send({ rate: 100 })];
  await expect.poll(() => growing.journal.count(grows.group), long).toBeGreaterThan(300);

  const grown = workTopic(growing.topic.name, 6);
  await messaging.provision([grown], { raisePartitions: true });
  await expect.poll(() => grows.subscription.stats().partitions, long).toBe(6);
  // The first message to a topic makes the producer look at all of its topics.
  await messaging.send(doomed.topic, { key: 'k', n: 0 });
  const inNew = () => growing.journal.of(grows.group).filter(({ partition }) => partition >= 3);
  await expect.poll(() => inNew().length, long).toBeGreaterThan(300);

  const large = messaging.send(steady.topic, { key: 'large', n: 0, pad: 'x'.repeat(200_000) });
  await expect(large).rejects.toMatchObject({ code: 'ERR_MESSAGING_SEND', maybeWritten: false });

  await operator().remove(doomed.topic.name);
  await expect
    .poll(() => dies.subscription.health(), long)
    .toMatchObject({ status: 'degraded', reasons: [expect.stringContaining(doomed.topic.name)] });
  const late = messaging.send(doomed.topic, { key: 'k', n: 1 });
  await expect(late).rejects.toMatchObject({ cause: { code: 'ERR_MESSAGING_UNKNOWN_TOPIC' } });
  expect(grows.subscription.health().status).toBe('up');
  expect(stays.subscription.health().status).toBe('up');
  for (const [scene, sending] of [
    [growing, toGrowing],
    [steady, toSteady],
  ] as const) {
    const [account] = (await scene.settle(sending)).values();
    say(scene === growing ? 'partitions added' : 'beside a deleted topic', { ...account });
    expect(account).toMatchObject({ ...nothingLost, redelivered: 0, together: 0 });
  }
}, 150_000);

test('close ends within its time, and its process by itself, whatever goes on', async () => {
  await cluster().untilHealthy();
  const { url } = cluster();
  const { topic, messaging } = await Scene.open(url, { partitions: 2 });
  for (let n = 0; n < 20; n += 1) await messaging.send(topic, { key: `${n}`, n: 0 });
  const child = (manner: Manner, { group = randomUUID(), sends = 0 } = {}) =>
    new Closing({ url, topic: topic.name, group, manner, timeoutMs, sends });

  const shared = randomUUID();
  const [retrying, stubborn, first] = [
    child('retrying'),
    child('stubborn'),
    child('stubborn', { group: shared }),
  ];
  await retrying.until('called', 40);
  await stubborn.until('called');
  await first.until('called');
  // Handlers of the first do not end, so the group waits, and the second with it.
  const second = child('idle', { group: shared });
  await expect.poll(() => operator().stateOf(shared)).toBe('PreparingRebalance');
  await allEnd('well', { retrying, stubborn, 'rebalancing, first': first, second: second });

  for (const fault of ['hangs', 'is dead'] as const) {
    const closing = {
      idle: child('idle'),
      sending: child('idle', { sends: 200 }),
      retrying: child('retrying', { sends: 200 }),
      stubborn: child('stubborn'),
    };
    await closing.idle.until('assigned');
    await closing.sending.until('assigned');
    await closing.retrying.until('called', 40);
    await closing.stubborn.until('called');
    if (fault === 'hangs') await cluster().pause();
    else await cluster().kill();
    const late = child('idle', { sends: 200 });
    await late.until('started');
    await allEnd(fault, { ...closing, late });
    if (fault === 'hangs') await cluster().resume();
  }
}, 180_000);

/** Each within its time and a little more, with every send answered and nothing left behind. */
async function allEnd(cluster: string, closing: Record<string, Closing>): Promise<void> {
  const endings = await Promise.all(
    Object.entries(closing).map(async ([who, one]) => ({ who, ...(await one.close()) })),
  );
  for (const ending of endings) say(`close, the cluster ${cluster}`, ending);
  for (const { tookMs, lingeredMs, unanswered, code } of endings) {
    expect(tookMs).toBeLessThan(timeoutMs + 1_000);
    expect(lingeredMs).toBeLessThan(2_000);
    expect({ unanswered, code }).toEqual({ unanswered: 0, code: 0 });
  }
}
