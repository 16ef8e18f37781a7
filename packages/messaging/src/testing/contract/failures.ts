import assert from 'node:assert/strict';
import type { Driver } from '../../driver.ts';
import { PoisonError } from '../../errors.ts';
import type { StoredRecord } from '../../record.ts';
import { headerNames, headerText } from '../../topics/headers.ts';
import { deadLetterTopic, retryTopic, type Topic } from '../../topics/topic.ts';
import type { Outage } from '../driver-contract.ts';
import { type House, messages, sleep } from './house.ts';
import { Journal, type Numbered } from './journal.ts';
import { type HouseContract, sendSteadily } from './subscriptions.ts';
import { until } from './world.ts';

/** What subscriptions do when handlers fail. */
export function failureContract(contract: HouseContract): void {
  contract(
    'poison in every tenth goes to the dead letters, and the rest is handled',
    async (house) => {
      const topic = await house.topic();
      const journal = new Journal();
      const { messaging } = await house.consumer(topic, poisonous(journal));
      const sent = messages(300, 30, true);
      for (const message of sent) journal.sent(message);
      await messaging.sendMany(topic, sent);
      await house.untilCommitted(topic, sent.length);
      const letters = await deadLetters(house, topic, journal);
      assert.equal(letters.length, sent.filter(({ isPoison }) => isPoison).length);
      journal.check(0);
      for (const { headers, key, value } of letters) {
        const { key: sentKey } = JSON.parse(text(value));
        assert.equal(text(key), sentKey);
        assert.equal(headerText(headers, headerNames.originalTopic), topic.name);
        assert.equal(headerText(headers, headerNames.errorCode), 'ERR_MESSAGING_POISON');
        assert.equal(headerText(headers, headerNames.group), house.group);
      }
    },
  );

  contract(
    'while there is nowhere to put dead letters nothing is lost, and then it goes on',
    async (house) => {
      const topic = await house.topic({ withDeadLetters: false });
      const journal = new Journal();
      const { messaging, subscription } = await house.consumer(topic, poisonous(journal));
      const sent = messages(40, 8, true);
      for (const message of sent) journal.sent(message);
      await messaging.sendMany(topic, sent);
      await until('health says so', () => subscription.health().status === 'degraded');
      await sleep(300);
      assert.ok((await house.committed(topic)) < sent.length);
      await house.createDeadLetters(topic);
      await house.untilCommitted(topic, sent.length);
      await deadLetters(house, topic, journal);
      journal.check();
      await until('health says so', () => subscription.health().status === 'up');
    },
  );

  contract(
    'messages that fail wait in retry topics, and are handled in the end',
    async (house, world) => {
      const topic = await house.topic({
        retry: { attempts: 3, backoffMs: [50, 100], topics: true },
      });
      for (const step of [1, 2]) {
        const name = retryTopic(topic.name, house.group, step);
        await world.driver.admin.create({ name, partitions: 2, config: {} });
      }
      const attempts = new Map<string, number[]>();
      const { messaging, subscription } = await house.consumer(topic, ({ key }, ctx) => {
        const seen = attempts.get(key) ?? [];
        attempts.set(key, [...seen, ctx.attempt]);
        assert.equal(ctx.topic, topic.name);
        if (ctx.attempt < 3) throw new Error('not yet');
      });
      await messaging.sendMany(topic, messages(20, 20));
      await until('all is handled', () => subscription.stats().handled === 20);
      assert.equal(attempts.size, 20);
      for (const seen of attempts.values()) assert.deepEqual(seen, [1, 2, 3]);
      await house.untilCommitted(topic, 20);
    },
  );

  contract(
    'close while a message is retried ends in time, and another process handles it',
    async (house) => {
      const topic = await house.topic({ retry: { attempts: 100, backoffMs: 50 } });
      const journal = new Journal();
      const first = await house.consumer(topic, (message) => {
        journal.begin(message)(false);
        throw new Error('no');
      });
      const sent = messages(10, 5);
      for (const message of sent) journal.sent(message);
      await first.messaging.sendMany(topic, sent);
      await until('it is retried', () => first.subscription.stats().retried > 20);
      const begunMs = performance.now();
      await first.messaging.close({ timeoutMs: 20_000 });
      assert.ok(performance.now() - begunMs < 5_000);
      await house.consumer(topic, (message) => journal.begin(message)(true));
      await house.untilCommitted(topic, sent.length);
      journal.check();
    },
  );
}

/** What subscriptions do when processes die. */
export function crashedContract(
  contract: HouseContract,
  crash: (driver: Driver) => void | Promise<void>,
): void {
  contract(
    'a process that dies between work and commit costs repetitions, and no message',
    async (house) => {
      const topic = await house.topic();
      const journal = new Journal();
      const sending = sendSteadily(house, journal, topic, messages(600, 30));
      for (let kills = 0; kills < 3; kills += 1) {
        const life = { isOver: false };
        const dying = await house.consumer(topic, mortal(journal, life));
        await until('it works', () => dying.subscription.stats().handled > 20);
        life.isOver = true;
        await crash(dying.driver);
        // What is left of the process must not come back with another consumer.
        await dying.messaging.close({ timeoutMs: 0 });
      }
      await house.consumer(topic, mortal(journal, { isOver: false }));
      await sending;
      await until('all is handled', () => journal.isComplete);
      await house.untilCommitted(topic, 600);
      const { lost, outOfOrder } = journal.summary();
      assert.deepEqual({ lost, outOfOrder }, { lost: 0, outOfOrder: 0 });
    },
  );
}

/** What subscriptions do when the cluster goes away. */
export function awayContract(contract: HouseContract, outage: Outage): void {
  contract('goes on when the cluster was away, and loses nothing', async (house, world) => {
    const topic = await house.topic();
    const journal = new Journal();
    const { subscription } = await house.consumer(topic, async (message) => {
      const end = journal.begin(message);
      await sleep(Math.random() * 5);
      end(true);
    });
    const sending = sendSteadily(house, journal, topic, messages(600, 30));
    await until('it works', () => subscription.stats().handled > 50);
    await outage.begin();
    await until('health says so', () => subscription.health().status === 'degraded');
    await sleep(world.sessionTimeoutMs);
    await outage.end();
    await sending;
    await until('all is handled', () => journal.isComplete);
    await house.untilCommitted(topic, 600);
    journal.check();
  });
}

/** Does its work, and fails with what is poison. */
function poisonous(journal: Journal) {
  return async (message: Numbered) => {
    const end = journal.begin(message);
    await sleep(Math.random() * 2);
    end(!message.isPoison);
    // It is done with where it stands: only its key waited.
    if (message.isPoison) journal.done(message);
    if (message.isPoison) throw new PoisonError('poison');
  };
}

/** Does its work as long as its process lives; what dead processes do does not count. */
function mortal(journal: Journal, life: { readonly isOver: boolean }) {
  return async (message: Numbered) => {
    if (life.isOver) await never;
    const end = journal.begin(message);
    await sleep(Math.random() * 3);
    end(!life.isOver);
    if (life.isOver) await never;
  };
}

const never = new Promise<void>(() => undefined);

async function deadLetters(
  house: House,
  topic: Topic<Numbered>,
  journal: Journal,
): Promise<StoredRecord[]> {
  const letters = await house.world.read(deadLetterTopic(topic.name));
  for (const { value } of letters) journal.done(JSON.parse(text(value)));
  return letters;
}

function text(bytes: Uint8Array | null): string {
  return new TextDecoder().decode(bytes ?? new Uint8Array());
}
