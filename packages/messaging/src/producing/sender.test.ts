import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { manualClock } from '../testing/manual-clock.ts';
import { ScriptedProducer } from '../testing/scripted-producer.ts';
import { headerNumber } from '../topics/headers.ts';
import { defineTopic } from '../topics/topic.ts';
import { Producer } from './producer.ts';
import { type ProducerOptions, resolveProducerOptions } from './producer-options.ts';
import { Sender } from './sender.ts';

function open(options: ProducerOptions = {}) {
  const clock = manualClock();
  const driver = new ScriptedProducer();
  driver.partitions = 1;
  const parts = { name: 'test', options: resolveProducerOptions(options), clock };
  const producer = new Producer({ ...parts, driver });
  const sender = new Sender({ ...parts, producer });
  return { clock, driver, producer, sender };
}

const plain = defineTopic({ name: 't', partitions: 1, schema: z.string() });
const refused = { code: 'ERR_MESSAGING_SCHEMA' };
/** Each message is checked when the test says so. */
function gatedTopic() {
  const gates = new Map<string, PromiseWithResolvers<boolean>>();
  const schema = z.string().refine(async (text) => {
    const gate = Promise.withResolvers<boolean>();
    gates.set(text, gate);
    return gate.promise;
  });
  const topic = defineTopic({ name: 't', partitions: 1, schema });
  const decide = async (text: string, isGood: boolean) => {
    await turn();
    gates.get(text)?.resolve(isGood);
    // One turn for those who wait for it, one in which they are offered.
    for (let i = 0; i < 3; i += 1) await turn();
  };
  return { topic, decide };
}
const values = (driver: ScriptedProducer) =>
  driver.take().map(({ value }) => JSON.parse(String(value)));

test('what is wrong with a call is a rejection, never a throw', async () => {
  const { sender } = open();
  await expect(sender.send(plain, 1, {})).rejects.toMatchObject(refused);
  const wrong = defineTopic({
    ...{ name: 't', partitions: 1, schema: z.string() },
    key: () => {
      throw new Error('bug');
    },
  });
  await expect(sender.send(wrong, 'a', {})).rejects.toThrow('bug');
  await expect(sender.send(plain, 'a', { deadlineMs: -1 })).rejects.toThrow(
    'deadlineMs must be a whole number of ms from 0',
  );
});

test.each([
  [undefined, {}, 'topic must come from defineTopic(), got undefined'],
  ['t', {}, 'topic must come from defineTopic(), got "t"'],
  [{ name: 't', partitions: 1, schema: z.string() }, {}, 'topic must come from defineTopic()'],
  [plain, null, 'the options of send must be an object, got null'],
  [plain, { header: {} }, 'send has no option "header"; it has key, headers, partition'],
  [plain, { headers: null }, 'headers must be an object, got null'],
  [plain, { headers: ['a'] }, 'headers must be an object, got an array'],
  [plain, { signal: 5 }, 'signal must have throwIfAborted(), got 5'],
  [plain, { key: 5 }, 'a key of "t" must be text, bytes or null, got 5'],
])('a call with %j and %j is refused by name', async (topic, options, message) => {
  const { sender, driver } = open();
  const send = async (...args: unknown[]) => Reflect.apply(sender.send, sender, args);
  await expect(send(topic, 'a', options)).rejects.toThrow(message);
  expect(values(driver)).toEqual([]);
});

test('a record has the time of its message, by default now, and its deadline', async () => {
  const { sender, driver, clock } = open();
  void sender.send(plain, 'a', {});
  void sender.send(plain, 'b', { timestamp: 5, deadlineMs: 1_000 });
  await turn();
  const [a, b] = driver.take();
  expect(a).toMatchObject({ timestamp: clock.wall(), headers: [] });
  expect(b?.timestamp).toBe(5);
  expect(headerNumber(b?.headers ?? [], 'x-deadline')).toBe(clock.wall() + 1_000);
});

test.each([Number.NaN, -1, Number.POSITIVE_INFINITY, '2026'])(
  'no message is of the time %s',
  async (timestamp) => {
    const { sender, driver } = open();
    const sent = sender.send(plain, 'a', { timestamp: Object(timestamp).valueOf() });
    await expect(sent).rejects.toThrow('timestamp must be a time in ms since 1970, got');
    expect(values(driver)).toEqual([]);
  },
);

test('a message larger than a batch is refused', async () => {
  const { sender } = open({ maxBatchBytes: 100 });
  await expect(sender.send(plain, 'x'.repeat(63), {})).rejects.toMatchObject({
    ...{ code: 'ERR_MESSAGING_TOO_LARGE', bytes: 101, maxBytes: 100 },
  });
});

describe('while a message is being encoded', () => {
  test('later ones of its topic keep behind it, also those that are ready', async () => {
    const { sender, driver } = open();
    const { topic, decide } = gatedTopic();
    for (const text of ['a', 'b']) void sender.send(topic, text, {});
    void sender.send(plain, 'c', {});
    await decide('b', true);
    expect(driver.offers).toEqual([]);
    await decide('a', true);
    expect(values(driver)).toEqual(['a', 'b', 'c']);
  });

  test('one that is refused lets nobody past those before it', async () => {
    const { sender, driver } = open();
    const { topic, decide } = gatedTopic();
    void sender.send(topic, 'a', {});
    const bad = sender.send(topic, 'bad', {}).catch((error: unknown) => error);
    void sender.send(topic, 'b', {});
    await decide('bad', false);
    await decide('b', true);
    expect(driver.offers).toEqual([]);
    await decide('a', true);
    expect(values(driver)).toEqual(['a', 'b']);
    expect(await bad).toMatchObject(refused);
  });

  test('can be taken back, keeps its place meanwhile and is not written', async () => {
    const { sender, driver } = open();
    const { topic, decide } = gatedTopic();
    const controller = new AbortController();
    const first = sender.send(topic, 'a', { signal: controller.signal });
    void sender.send(plain, 'b', {});
    controller.abort(new Error('no longer'));
    await expect(first).rejects.toThrow('no longer');
    await expect(sender.send(topic, 'c', { signal: controller.signal })).rejects.toThrow(
      'no longer',
    );
    expect(values(driver)).toEqual([]);
    await decide('a', true);
    await decide('c', true);
    expect(values(driver)).toEqual(['b']);
  });

  test('other topics go on', async () => {
    const { sender, driver } = open();
    void sender.send(gatedTopic().topic, 'a', {});
    void sender.send({ ...plain, name: 'u' }, 'b', {});
    await turn();
    expect(values(driver)).toEqual(['b']);
  });

  test('its time runs', async () => {
    const { sender, clock } = open({ deliveryTimeoutMs: 100 });
    const sent = sender.send(gatedTopic().topic, 'a', {}).catch((error: unknown) => error);
    await clock.pass(100);
    expect(await sent).toMatchObject({ maybeWritten: false, partition: undefined });
    expect(String(await sent)).toContain('its encoding took longer than 100 ms');
    expect(await sender.idle()).toBeUndefined();
  });

  test('what that takes is not to be had again for the delivery', async () => {
    const { sender, driver, clock } = open({ deliveryTimeoutMs: 100 });
    const { topic, decide } = gatedTopic();
    const sent = sender.send(topic, 'a', {}).catch((error: unknown) => error);
    await clock.pass(60);
    await decide('a', true);
    expect(driver.offers).toHaveLength(1);
    await clock.pass(40);
    expect(String(await sent)).toContain('it was not delivered within 100 ms');
  });

  test('others do not pile up', async () => {
    const { sender } = open({ queue: { max: 2 } });
    const { topic, decide } = gatedTopic();
    const sent = ['a', 'b', 'c'].map((text) => sender.send(topic, text, {}));
    const full = expect(sent[2]).rejects.toMatchObject({ code: 'ERR_MESSAGING_QUEUE_FULL' });
    await decide('c', false);
    for (const text of ['a', 'b']) await decide(text, true);
    await full;
  });

  test('idle waits for it', async () => {
    const { sender, driver } = open();
    const { topic, decide } = gatedTopic();
    void sender.send(topic, 'a', {});
    const idle = sender.idle().then(() => driver.offers.length);
    await decide('a', true);
    await idle;
    await turn();
    expect(values(driver)).toEqual(['a']);
  });
});
