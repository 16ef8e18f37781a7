import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { DriverError, PoisonError } from '../errors.ts';
import { type MemoryDriver, memory, memoryBroker } from '../memory/index.ts';
import { createMessaging } from '../messaging.ts';
import { manualClock } from '../testing/index.ts';
import { defineTopic } from '../topics/topic.ts';
import { listDeadLetters, replayDeadLetters, replayGroup, showDeadLetter } from './dead-letters.ts';

const topic = defineTopic({
  name: 't',
  partitions: 3,
  schema: z.string(),
  key: (text) => text.slice(0, 1),
});

let driver: MemoryDriver;

/** Five messages, of which a handler of the group `g` refused all but the first. */
beforeEach(async () => {
  const broker = memoryBroker();
  driver = memory({ broker });
  for (const [name, partitions] of [
    ['t', 3],
    ['t.dlq', 2],
  ] as const) {
    await driver.admin.create({ name, partitions, config: {} });
  }
  const messaging = createMessaging({ name: 'test', driver: memory({ broker }) });
  messaging.subscribe(
    topic,
    (message) => {
      if (message !== 'a0') throw Object.assign(new PoisonError(`no ${message}`));
    },
    { group: 'g' },
  );
  await messaging.start();
  for (const message of ['a0', 'a1', 'b2', 'a3', 'b4']) {
    await messaging.send(topic, message, { headers: { lang: message } });
  }
  while ((await driver.admin.offsets('t.dlq', 'latest')).reduce((a, b) => a + b, 0) < 4) {
    await new Promise(setImmediate);
  }
  await messaging.close();
});

const sent = () =>
  [0, 1, 2].flatMap((partition) =>
    driver.broker.log({ topic: 't', partition }).map(({ key, value, headers }) => ({
      partition,
      key: String(key),
      value: String(value),
      headers: headers.map(([name, bytes]) => `${name}=${bytes}`),
    })),
  );

const texts = (letters: readonly { readonly value: Uint8Array | null }[]) =>
  letters.map(({ value }) => String(value)).sort();

test('lists what waits, with all that is known of it', async () => {
  const letters = await listDeadLetters(driver, 't');
  expect(texts(letters)).toEqual(['"a1"', '"a3"', '"b2"', '"b4"']);
  const letter = letters.find(({ value }) => String(value) === '"a1"');
  expect(letter).toMatchObject({
    key: 'a',
    original: { topic: 't', offset: 1 },
    group: 'g',
    attempts: 1,
    error: { name: 'PoisonError', message: 'no a1', code: 'ERR_MESSAGING_POISON' },
  });
  expect(await listDeadLetters(driver, 't', 3)).toHaveLength(3);
});

test('shows one, whether it was replayed or not', async () => {
  const [letter] = await listDeadLetters(driver, 't');
  if (!letter) throw new Error('there is none');
  await replayDeadLetters(driver, 't');
  expect(await showDeadLetter(driver, 't', letter.partition, letter.offset)).toEqual(letter);
  expect(await showDeadLetter(driver, 't', letter.partition, 99)).toBeUndefined();
  expect(await showDeadLetter(driver, 't', 7, 0)).toBeUndefined();
});

test('sends them to their topic again as they were, to the partitions of their keys', async () => {
  const before = sent();
  const replayed: string[] = [];
  const count = await replayDeadLetters(driver, 't', {
    onReplayed: (letter, to) => replayed.push(`${letter.key} ${to}`),
  });
  expect(count).toBe(4);
  expect(replayed.sort()).toEqual(['a t', 'a t', 'b t', 'b t']);
  const again = sent();
  expect(again).toHaveLength(9);
  for (const old of before.filter(({ value }) => value !== '"a0"')) {
    expect(again.filter((one) => one.value === old.value)).toEqual([old, old]);
  }
});

test('replays each letter once, however often it is called', async () => {
  expect(await replayDeadLetters(driver, 't', { limit: 3 })).toBe(3);
  expect(texts(await listDeadLetters(driver, 't'))).toHaveLength(1);
  expect(await replayDeadLetters(driver, 't')).toBe(1);
  expect(await replayDeadLetters(driver, 't')).toBe(0);
  expect(await listDeadLetters(driver, 't')).toEqual([]);
  expect(sent()).toHaveLength(9);
});

test('after a failure it goes on with the letter that was not acknowledged', async () => {
  let writes = 0;
  const broken = driver.broker.refuse(
    {
      api: 'produce',
      when: () => {
        writes += 1;
        return writes > 2;
      },
    },
    new DriverError('no space left', { isRetriable: false }),
  );
  await expect(replayDeadLetters(driver, 't')).rejects.toMatchObject({
    code: 'ERR_MESSAGING_SEND',
  });
  expect(sent()).toHaveLength(7);
  broken();
  expect(await replayDeadLetters(driver, 't')).toBe(2);
  expect(sent()).toHaveLength(9);
});

test('when it dies after a write and before it remembers that, one message is sent twice', async () => {
  const { setCommitted } = driver.admin;
  driver.admin.setCommitted = () => Promise.reject(new Error('killed'));
  await expect(replayDeadLetters(driver, 't')).rejects.toThrow('killed');
  driver.admin.setCommitted = setCommitted.bind(driver.admin);
  expect(await replayDeadLetters(driver, 't')).toBe(4);
  expect(sent()).toHaveLength(10);
});

test('letters that come while it runs are left for the next time', async () => {
  const [letter] = await listDeadLetters(driver, 't');
  const at = { topic: 't.dlq', partition: letter?.partition ?? 0 };
  const messaging = createMessaging({ name: 'test', driver: memory({ broker: driver.broker }) });
  const letters = defineTopic({
    name: 't.dlq',
    partitions: 2,
    schema: z.string(),
    key: () => letter?.key,
  });
  const sending: Promise<unknown>[] = [];
  const count = await replayDeadLetters(driver, 't', {
    onReplayed: () => void sending.push(messaging.send(letters, 'late')),
  });
  expect(count).toBe(4);
  await Promise.all(sending);
  expect(driver.broker.log(at).length).toBeGreaterThan(4);
  expect(await replayDeadLetters(driver, 't', { limit: 4 })).toBe(4);
  await messaging.close();
});

test('a dry run says the same and sends and remembers nothing', async () => {
  const would: string[] = [];
  const count = await replayDeadLetters(driver, 't', {
    dryRun: true,
    onReplayed: ({ value }, to) => would.push(`${value} ${to}`),
  });
  expect([count, would.sort()[0]]).toEqual([4, '"a1" t']);
  expect(sent()).toHaveLength(5);
  expect(await driver.admin.committed(replayGroup('t'), 't.dlq')).toEqual([undefined, undefined]);
});

test('offsets at the end that hold no letter end a replay', async () => {
  await driver.admin.setCommitted(
    replayGroup('t'),
    [0, 1].map((partition) => ({ topic: 't.dlq', partition, offset: 0 })),
  );
  for (const partition of [0, 1]) driver.broker.skipOffsets({ topic: 't.dlq', partition }, 5);
  expect(await replayDeadLetters(driver, 't', { clock: manualClock() })).toBe(4);
});

test('a topic without dead letters is said to be unknown', async () => {
  const unknown = { code: 'ERR_MESSAGING_UNKNOWN_TOPIC', topic: 'nowhere.dlq' };
  await expect(listDeadLetters(driver, 'nowhere')).rejects.toMatchObject(unknown);
  await expect(showDeadLetter(driver, 'nowhere', 0, 0)).rejects.toMatchObject(unknown);
  await expect(replayDeadLetters(driver, 'nowhere')).rejects.toMatchObject(unknown);
});
