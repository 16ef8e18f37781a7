import { beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { DriverError, PoisonError } from '../errors.ts';
import { type MemoryDriver, memory, memoryBroker } from '../memory/index.ts';
import { createMessaging } from '../messaging.ts';
import { manualClock } from '../testing/index.ts';
import { defineTopic } from '../topics/topic.ts';
import { type DeadLetter, listDeadLetters, replayGroup, showDeadLetter } from './dead-letters.ts';
import { replayDeadLetters } from './replay.ts';

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

async function listed(): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for await (const letter of listDeadLetters(driver, 't')) letters.push(letter);
  return letters;
}

const texts = (letters: readonly { readonly value: Uint8Array | null }[]) =>
  letters.map(({ value }) => String(value)).sort();

test('lists what waits, with all that is known of it', async () => {
  const letters = await listed();
  expect(texts(letters)).toEqual(['"a1"', '"a3"', '"b2"', '"b4"']);
  const letter = letters.find(({ value }) => String(value) === '"a1"');
  expect(letter).toMatchObject({
    key: 'a',
    original: { topic: 't', offset: 1 },
    group: 'g',
    attempts: 1,
    error: { name: 'PoisonError', message: 'no a1', code: 'ERR_MESSAGING_POISON' },
  });
});

test('shows one, whether it was replayed or not', async () => {
  const [letter] = await listed();
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
  expect(texts(await listed())).toHaveLength(1);
  expect(await replayDeadLetters(driver, 't')).toBe(1);
  expect(await replayDeadLetters(driver, 't')).toBe(0);
  expect(await listed()).toEqual([]);
  expect(sent()).toHaveLength(9);
});

test('after a failure it goes on with the first letter that was not acknowledged', async () => {
  const [first] = await listed();
  const { partition } = sent().find(({ key }) => key !== first?.key) ?? { partition: -1 };
  const broken = driver.broker.refuse(
    { api: 'produce', topic: 't', partition },
    new DriverError('no space left', { isRetriable: false }),
  );
  await expect(replayDeadLetters(driver, 't')).rejects.toMatchObject({
    code: 'ERR_MESSAGING_SEND',
  });
  const rest = await listed();
  expect(rest.length).toBeLessThan(4);
  expect(rest[0]?.key).not.toBe(first?.key);
  broken();
  expect(await replayDeadLetters(driver, 't')).toBe(rest.length);
  for (const value of ['"a1"', '"b2"', '"a3"', '"b4"']) {
    expect(sent().filter((one) => one.value === value).length).toBeGreaterThanOrEqual(2);
  }
});

/** So many letters more, in their order. */
async function putLetters(count: number): Promise<void> {
  const schema = z.number();
  const letters = defineTopic({ name: 't.dlq', partitions: 2, schema, key: () => 'a' });
  await using messaging = createMessaging({
    name: 'test',
    driver: memory({ broker: driver.broker }),
  });
  await messaging.sendMany(
    letters,
    Array.from({ length: count }, (_, n) => n),
  );
}

/** How often each number was sent to the topic. */
function times(): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { value } of sent()) {
    counts.set(Number(value), (counts.get(Number(value)) ?? 0) + 1);
  }
  return counts;
}

test('when it dies after a write and before it remembers that, a hundred at most are sent twice', async () => {
  await replayDeadLetters(driver, 't');
  await putLetters(250);
  const { setCommitted } = driver.admin;
  driver.admin.setCommitted = () => Promise.reject(new Error('killed'));
  await expect(replayDeadLetters(driver, 't')).rejects.toThrow('killed');
  driver.admin.setCommitted = setCommitted.bind(driver.admin);
  expect(await replayDeadLetters(driver, 't')).toBe(250);
  const seen = times();
  for (let n = 0; n < 250; n += 1) expect(seen.get(n)).toBe(n < 100 ? 2 : 1);
});

test('a signal ends it with the letters under way, and the rest follows the next time', async () => {
  await replayDeadLetters(driver, 't');
  await putLetters(250);
  const controller = new AbortController();
  const onReplayed = () => controller.abort();
  expect(await replayDeadLetters(driver, 't', { onReplayed, signal: controller.signal })).toBe(100);
  expect(await replayDeadLetters(driver, 't', { limit: 120 })).toBe(120);
  expect(await replayDeadLetters(driver, 't')).toBe(30);
  const seen = times();
  for (let n = 0; n < 250; n += 1) expect(seen.get(n)).toBe(1);
});

test('letters that come while it runs are left for the next time', async () => {
  const [letter] = await listed();
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

test('letters that the topic has forgotten are not asked for', async () => {
  await driver.admin.create({ name: 'u.dlq', partitions: 1, config: { 'retention.bytes': '50' } });
  await using messaging = createMessaging({
    name: 'test',
    driver: memory({ broker: driver.broker }),
  });
  const letters = defineTopic({ name: 'u.dlq', partitions: 1, schema: z.string() });
  await messaging.sendMany(letters, ['one', 'two', 'three', 'four', 'five']);
  const read = vi.spyOn(driver.admin, 'read');
  for await (const { offset } of listDeadLetters(driver, 'u')) expect(offset).toBeGreaterThan(0);
  const [begin] = await driver.admin.offsets('u.dlq', 'earliest');
  expect(read.mock.calls[0]?.[0].offset).toBe(begin);
});

test('a topic without dead letters is said to be unknown', async () => {
  const unknown = { code: 'ERR_MESSAGING_UNKNOWN_TOPIC', topic: 'nowhere.dlq' };
  await expect(listDeadLetters(driver, 'nowhere').next()).rejects.toMatchObject(unknown);
  await expect(showDeadLetter(driver, 'nowhere', 0, 0)).rejects.toMatchObject(unknown);
  await expect(replayDeadLetters(driver, 'nowhere')).rejects.toMatchObject(unknown);
});
