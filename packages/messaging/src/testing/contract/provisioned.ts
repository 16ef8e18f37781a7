import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { PoisonError } from '../../errors.ts';
import { headerNames, headerText } from '../../topics/headers.ts';
import { deadLetterTopic } from '../../topics/topic.ts';
import { messages, sleep } from './house.ts';
import { Journal } from './journal.ts';
import type { HouseContract } from './subscriptions.ts';
import { TestQueue } from './test-queue.ts';
import { bytes, record, until } from './world.ts';

/** What subscriptions do on topics that `provision` has made and changed. */
export function provisionedContract(contract: HouseContract): void {
  contract(
    'poison as large as the topic takes goes to the dead letters whole, and the group goes on',
    async (house, world) => {
      const topic = await house.topic({ withDeadLetters: false });
      const { messaging } = await house.process();
      await messaging.provision([topic]);
      const handled: number[] = [];
      const { subscription } = await house.consumer(topic, ({ key, n }) => {
        if (key === 'large') throw new PoisonError('é'.repeat(10_000));
        handled.push(n);
      });
      // Written by somebody else: our own producer takes 900,000 bytes.
      const frame = JSON.stringify({ key: 'large', n: 0, text: '' }).length;
      const value = bytes(
        JSON.stringify({ key: 'large', n: 0, text: 'x'.repeat(1_048_400 - frame) }),
      );
      const queue = new TestQueue({ topic: topic.name, partition: 0 });
      const producer = world.producer();
      await producer.partitionsOf(topic.name);
      const small = (n: number) => record({ value: bytes(JSON.stringify({ key: 'small', n })) });
      const written = [small(1), record({ key: bytes('large'), value }), small(2)].map((one) =>
        queue.addWritten(one),
      );
      producer.offer(queue);
      await Promise.all(written);
      await house.untilCommitted(topic, 3);
      assert.deepEqual(handled.sort(), [1, 2]);
      const [letter] = await world.read(deadLetterTopic(topic.name));
      assert.ok(letter?.value && Buffer.from(letter.value).equals(value));
      assert.equal(headerText(letter.headers, headerNames.originalOffset), '1');
      assert.equal(subscription.stats().deadLettered, 1);
      await until('health says so', () => subscription.health().status === 'up');
    },
  );

  contract('partitions that are added under way are written and read', async (house) => {
    const topic = await house.topic({ partitions: 2 });
    const journal = new Journal();
    // Where a partition that comes later begins must not depend on who sees it first.
    const { subscription } = await house.consumer(
      topic,
      (message) => journal.begin(message)(true),
      { from: 'latest' },
    );
    await until('it reads', () => subscription.health().status === 'up');
    const grown = { ...topic, partitions: 5 };
    const { messaging } = await house.process();
    const { messaging: fresh } = await house.process();
    const used = new Set<number>();
    let sent = 0;
    const sendUntil = async (isEnough: () => boolean, sender = messaging) => {
      while (!isEnough()) {
        const lot = messages(20, 20).map(({ key }) => ({ ...once(key), isPoison: false }));
        for (const message of lot) journal.sent(message);
        const results = await sender.sendMany(topic, lot);
        for (const result of results) {
          assert.equal(result.status, 'fulfilled');
          used.add(result.value.partition);
        }
        sent += lot.length;
        await sleep(20);
      }
    };
    await sendUntil(() => sent >= 200 && subscription.stats().handled > 0);
    assert.deepEqual([...used].sort(), [0, 1]);
    const raising = messaging.provision([grown], { raisePartitions: true });
    const patience = AbortSignal.timeout(50_000);
    const enough = sent + 200;
    await sendUntil(() => sent >= enough);
    await raising;
    // It knows of them at once, likely before the group does.
    await sendUntil(() => sent >= enough + 200, fresh);
    assert.deepEqual([...used].sort(), [0, 1, 2, 3, 4]);
    used.clear();
    await sendUntil(() => patience.aborted || used.size === 5);
    assert.deepEqual([...used].sort(), [0, 1, 2, 3, 4]);
    await until('all is handled', () => journal.isComplete);
    await house.untilCommitted(topic, sent);
    assert.equal(journal.summary().delivered, sent);
    assert.deepEqual([subscription.stats().partitions, subscription.stats().crashes], [5, 0]);
  });
}

/** A key of its own: what a key's order is while its partition changes is another question. */
function once(prefix: string): { readonly key: string; readonly n: number } {
  return { key: `${prefix}-${randomUUID()}`, n: 0 };
}
