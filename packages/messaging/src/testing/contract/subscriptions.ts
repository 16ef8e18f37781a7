import assert from 'node:assert/strict';
import type { MessageContext } from '../../consuming/message-context.ts';
import { type House, messages, sleep } from './house.ts';
import { Journal, type Numbered } from './journal.ts';
import { until, type World } from './world.ts';

/** Registers a test with processes that are closed after it. */
export type HouseContract = (
  title: string,
  run: (house: House, world: World) => Promise<void>,
) => void;

/** What subscriptions do while nothing fails. */
export function subscriptionContract(contract: HouseContract): void {
  contract('handles what is sent once, in the order of each key, and commits it', async (house) => {
    const topic = await house.topic();
    const journal = new Journal();
    const { messaging, subscription } = await house.consumer(topic, async (message) => {
      const end = journal.begin(message);
      await sleep(Math.random() * 3);
      end(true);
    });
    const sent = messages(1_000, 50);
    for (const message of sent) journal.sent(message);
    await messaging.sendMany(topic, sent);
    await until('all is handled', () => journal.isComplete);
    await house.untilCommitted(topic, sent.length);
    journal.check(0);
    const stats = subscription.stats();
    assert.deepEqual([stats.lag, stats.buffered, stats.partitions], [0, 0, 4]);
    assert.deepEqual(messaging.health().status, 'up');
  });

  contract('tells the handler where a message comes from', async (house) => {
    const topic = await house.topic({ partitions: 1 });
    const seen: MessageContext[] = [];
    const { messaging } = await house.consumer(topic, (_, ctx) => void seen.push(ctx));
    const headers = { lang: 'de' };
    const [message] = messages(1, 1);
    assert.ok(message);
    await messaging.send(topic, message, { headers });
    await until('it is handled', () => seen.length === 1);
    const [ctx] = seen;
    assert.equal(ctx?.topic, topic.name);
    assert.deepEqual([ctx.partition, ctx.offset, ctx.attempt], [0, 0, 1]);
    assert.deepEqual([ctx.key, ctx.group], ['key-0', house.group]);
    assert.equal(ctx.headers['lang'], 'de');
    assert.ok(Math.abs(ctx.timestamp - Date.now()) < 60_000);
  });

  contract('members that come and go leave nothing out and break no order', async (house) => {
    const topic = await house.topic({ partitions: 6 });
    const journal = new Journal();
    const handler = async (message: Numbered) => {
      const end = journal.begin(message);
      await sleep(Math.random() * 10);
      end(true);
    };
    const first = await house.consumer(topic, handler);
    const sending = sendSteadily(house, journal, topic, messages(1_200, 40));
    for (let round = 0; round < 3; round += 1) {
      const other = await house.consumer(topic, handler);
      await until('it has partitions', () => other.subscription.stats().partitions > 0);
      await sleep(100);
      await other.messaging.close({ timeoutMs: 10_000 });
    }
    await sending;
    await until('all is handled', () => journal.isComplete);
    await house.untilCommitted(topic, 1_200);
    // A rebalance waits for what is under way and commits it: nothing comes twice.
    journal.check(0);
    assert.equal(first.subscription.stats().crashes, 0);
  });

  contract('a handler that takes longer than the session is called once', async (house, world) => {
    const topic = await house.topic({ partitions: 1 });
    const journal = new Journal();
    const sent = messages(4, 2);
    const { messaging } = await house.consumer(topic, async (message) => {
      const end = journal.begin(message);
      await sleep(world.sessionTimeoutMs * 2);
      end(true);
    });
    for (const message of sent) journal.sent(message);
    await messaging.sendMany(topic, sent);
    await until('all is handled', () => journal.isComplete);
    await house.untilCommitted(topic, sent.length);
    journal.check(0);
  });

  contract('hands over batches, each of one partition and in its order', async (house) => {
    const topic = await house.topic();
    const journal = new Journal();
    const sizes: number[] = [];
    const { messaging } = await house.process();
    messaging.subscribeBatch(
      topic,
      async (batch, ctx) => {
        sizes.push(batch.length);
        assert.ok(batch.every(({ partition }) => partition === ctx.partition));
        for (const { message } of batch) journal.begin(message)(true);
      },
      house.options({ maxSize: 50, maxWaitMs: 20 }),
    );
    await messaging.start();
    const sent = messages(500, 20);
    for (const message of sent) journal.sent(message);
    await messaging.sendMany(topic, sent);
    await until('all is handled', () => journal.isComplete);
    await house.untilCommitted(topic, sent.length);
    journal.check(0);
    assert.ok(Math.max(...sizes) <= 50 && sizes.length < sent.length / 2);
  });

  contract('stop while nothing comes takes no long time', async (house) => {
    const topic = await house.topic();
    const { messaging, subscription } = await house.consumer(topic, () => undefined);
    await until('it reads', () => subscription.health().status === 'up');
    const begunMs = performance.now();
    await messaging.close({ timeoutMs: 20_000 });
    assert.ok(performance.now() - begunMs < 5_000);
  });

  replayContract(contract);
}

function replayContract(contract: HouseContract): void {
  contract('a group that begins at the latest message sees only later ones', async (house) => {
    const topic = await house.topic({ partitions: 1 });
    const { messaging } = await house.process();
    const [before, after] = messages(2, 1);
    assert.ok(before && after);
    await messaging.send(topic, before);
    const seen: number[] = [];
    const { subscription } = await house.consumer(topic, ({ n }) => void seen.push(n), {
      from: 'latest',
    });
    await until('it reads', () => subscription.health().status === 'up');
    await messaging.send(topic, after);
    await until('the later one is handled', () => seen.length > 0);
    assert.deepEqual(seen, [1]);
  });

  contract('replays from a time and from an offset while it runs', async (house) => {
    const topic = await house.topic({ partitions: 1 });
    const seen: number[] = [];
    const times: number[] = [];
    const { messaging, subscription } = await house.consumer(topic, ({ n }, ctx) => {
      seen.push(n);
      times.push(ctx.timestamp);
    });
    for (const message of messages(6, 1)) {
      await messaging.send(topic, message);
      await sleep(5);
    }
    await until('all is handled', () => seen.length === 6);
    await subscription.replay({ timestamp: times[4] ?? 0 });
    await until('two are handled again', () => seen.length >= 8);
    await subscription.replay({ offsets: { 0: 3 } });
    await until('three are handled again', () => seen.length >= 11);
    await house.untilCommitted(topic, 6);
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 4, 5, 3, 4, 5]);
  });
}

/** Sends in small lots, so that there is always something under way. */
export async function sendSteadily(
  house: House,
  journal: Journal,
  topic: Awaited<ReturnType<House['topic']>>,
  all: readonly Numbered[],
): Promise<void> {
  const { messaging } = await house.process();
  for (let i = 0; i < all.length; i += 20) {
    const lot = all.slice(i, i + 20);
    for (const message of lot) journal.sent(message);
    const results = await messaging.sendMany(topic, lot);
    for (const result of results) assert.equal(result.status, 'fulfilled');
    await sleep(5);
  }
}
