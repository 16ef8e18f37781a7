import { Kafka } from 'kafkajs';
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import { z } from 'zod';
import { type MemoryDriver, memory } from './memory/index.ts';
import { createMessaging, type Messaging, type MessagingOptions } from './messaging.ts';
import { manualClock } from './testing/manual-clock.ts';
import { ScriptedProducer } from './testing/scripted-producer.ts';
import { defineTopic } from './topics/topic.ts';

const greetings = defineTopic({
  name: 'greetings',
  partitions: 3,
  schema: z.object({ to: z.string(), n: z.number() }),
  key: (m) => m.to,
});
const hello = { to: 'ada', n: 1 };
const opened: Messaging[] = [];

function open(options: Partial<MessagingOptions> = {}) {
  const messaging = createMessaging({ name: 'test', driver: memory(), ...options });
  opened.push(messaging);
  return messaging;
}

async function provisioned(): Promise<{ messaging: Messaging; driver: MemoryDriver }> {
  const driver = memory();
  const messaging = open({ driver });
  await messaging.provision([greetings]);
  return { messaging, driver };
}

/** A driver whose producer does what the test says. */
function scripted() {
  const producer = new ScriptedProducer();
  return { producer, driver: { ...memory(), producer: () => producer } };
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((messaging) => messaging.close({ timeoutMs: 100 })));
});

describe('messages', () => {
  test('are handled in the order of their key, whether one subscribes before the start or after', async () => {
    const { messaging } = await provisioned();
    const early: string[] = [];
    const late: string[] = [];
    messaging.subscribe(greetings, ({ to, n }) => early.push(`${to}${n}`), { group: 'early' });
    await messaging.start();
    messaging.subscribe(greetings, ({ to, n }) => late.push(`${to}${n}`), { group: 'late' });
    const messages = Array.from({ length: 10 }, (_, n) => ({ to: n % 2 ? 'odd' : 'even', n }));
    await messaging.sendMany(greetings, messages);
    await vi.waitFor(() => expect([early.length, late.length]).toEqual([10, 10]));
    for (const seen of [early, late]) {
      const odd = seen.filter((text) => text.startsWith('odd'));
      expect(odd).toEqual(['odd1', 'odd3', 'odd5', 'odd7', 'odd9']);
    }
  });

  test('are not read before the start', async () => {
    const { messaging } = await provisioned();
    messaging.subscribe(greetings, () => undefined, { group: 'g' });
    expect(messaging.health()).toMatchObject({ status: 'starting', reasons: [] });
    await messaging.start();
    await vi.waitFor(() => expect(messaging.health().status).toBe('up'));
  });

  test('of many each have a result, and a bad one hides no other', async () => {
    const { messaging } = await provisioned();
    const results = await messaging.sendMany(greetings, [
      hello,
      { to: 'bob', n: Number.NaN },
      hello,
    ]);
    expect(results).toMatchObject([
      { status: 'fulfilled', value: { offset: 0 } },
      { status: 'rejected', reason: { code: 'ERR_MESSAGING_SCHEMA' } },
      { status: 'fulfilled', value: { offset: 1 } },
    ]);
  });

  test('none of many is sent when the last of them cannot be had', async () => {
    const { messaging } = await provisioned();
    const broken = function* () {
      yield { to: 'ada', n: Number.NaN };
      throw new Error('no more');
    };
    await expect(messaging.sendMany(greetings, broken())).rejects.toThrow('no more');
    expect(messaging.stats().producer.accepted).toBe(0);
  });

  test('come in batches to those who want them', async () => {
    const { messaging } = await provisioned();
    const sizes: number[] = [];
    messaging.subscribeBatch(greetings, (batch) => void sizes.push(batch.length), {
      ...{ group: 'g', maxSize: 2, maxWaitMs: 1 },
    });
    await messaging.start();
    await messaging.sendMany(greetings, [hello, hello, hello]);
    await vi.waitFor(() => expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2);
  });

  test('go through the middleware, the first outermost', async () => {
    const { messaging } = await provisioned();
    const seen: string[] = [];
    for (const name of ['outer', 'inner']) {
      messaging.use(async ({ topic }, next) => {
        seen.push(`${name} ${topic}`);
        await next();
        seen.push(`${name} end`);
      });
    }
    messaging.subscribe(greetings, () => void seen.push('handler'), { group: 'g' });
    await messaging.start();
    await messaging.send(greetings, hello);
    await vi.waitFor(() => expect(seen.length).toBe(5));
    const order = ['outer greetings', 'inner greetings', 'handler', 'inner end', 'outer end'];
    expect(seen).toEqual(order);
  });

  test('flush waits for those that are still being encoded', async () => {
    const { messaging } = await provisioned();
    const schema = z.string().refine(async () => true);
    const slow = defineTopic({ name: 'greetings', partitions: 3, schema });
    void messaging.send(slow, 'a');
    await messaging.flush();
    expect(messaging.stats().producer).toMatchObject({ accepted: 1, written: 1 });
  });
});

test('what is sent is the input of the schema, and no less than that', () => {
  const { send } = open();
  // A call whose message lacks something, as the compiler sees it.
  const lacking = (topic: typeof greetings, message: { to: string; n?: number }) =>
    // @ts-expect-error n is missing
    send(topic, message);
  expectTypeOf(lacking).returns.resolves.toExtend<{ partition: number }>();
});

describe('health', () => {
  test('is up for one that only sends, and degraded while that fails', async () => {
    const { driver, producer } = scripted();
    const clock = manualClock();
    const messaging = open({ driver, clock });
    expect(messaging.health()).toEqual({ status: 'up', reasons: [], subscriptions: [] });
    const sent = messaging.send(greetings, hello).catch((error: unknown) => error);
    await vi.waitFor(() => expect(producer.take().length).toBe(1));
    producer.taken[0]?.failed(new Error('away'), false);
    expect(messaging.health()).toMatchObject({
      ...{ status: 'degraded', reasons: [expect.stringContaining('away')] },
    });
    expect(await sent).toMatchObject({ code: 'ERR_MESSAGING_SEND' });
    const closing = messaging.close();
    await clock.pass(20_000);
    await closing;
    expect(messaging.health()).toMatchObject({ status: 'down', reasons: ['it is closed'] });
  });

  test('tells of each subscription with its topic and group, but of those that were closed alone', async () => {
    const { messaging, driver } = await provisioned();
    const fatal = Object.assign(new Error('disk is gone'), { code: 'ERR_MESSAGING_FATAL' });
    const handler = () => Promise.reject(fatal);
    messaging.subscribe(greetings, handler, { group: 'g' });
    const stopped = messaging.subscribe(greetings, () => undefined, { group: 'h' });
    await messaging.start();
    await stopped.close({ timeoutMs: 1_000 });
    expect(messaging.health().status).not.toBe('down');
    await messaging.send(greetings, hello);
    await vi.waitFor(() => expect(messaging.health().status).toBe('down'));
    const { reasons, subscriptions } = messaging.health();
    expect(messaging.stats().subscriptions).toHaveLength(1);
    expect(reasons[0]).toMatch(/^greetings \(g\): .*disk is gone$/);
    expect(subscriptions.map(({ group }) => group)).toEqual(['g']);
    expect(driver.name).toBe('memory');
  });
});

describe('close', () => {
  test('lets handlers end, and send', async () => {
    const { messaging } = await provisioned();
    const entered = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    let sent: unknown;
    const once = async ({ n }: { n: number }) => {
      if (n === 2) return;
      entered.resolve();
      await leave.promise;
      sent = await messaging.send(greetings, { to: 'ada', n: 2 });
    };
    messaging.subscribe(greetings, once, { group: 'g' });
    await messaging.start();
    await messaging.send(greetings, hello);
    await entered.promise;
    const closed = messaging.close({ timeoutMs: 5_000 });
    leave.resolve();
    await closed;
    expect(sent).toMatchObject({ offset: 1 });
  });

  test('delivers what is still being encoded', async () => {
    const { messaging } = await provisioned();
    const schema = z.string().refine(async () => true);
    const slow = defineTopic({ name: 'greetings', partitions: 3, schema });
    const sent = messaging.send(slow, 'a');
    await messaging.close();
    expect(await sent).toMatchObject({ offset: 0 });
  });

  test('is the end of everything', async () => {
    const messaging = open();
    await messaging[Symbol.asyncDispose]();
    const closed = { code: 'ERR_MESSAGING_CLOSED' };
    await expect(messaging.send(greetings, hello)).rejects.toMatchObject(closed);
    await expect(messaging.start()).rejects.toMatchObject(closed);
    const subscribe = () => messaging.subscribe(greetings, () => undefined, { group: 'g' });
    expect(subscribe).toThrow('messaging "test" is closed');
    await messaging.close();
  });

  test('takes no longer than it may, and says what may be written', async () => {
    const { driver, producer } = scripted();
    const hung = { ...driver, close: () => new Promise<void>(() => undefined) };
    const clock = manualClock();
    const messaging = open({ driver: hung, clock });
    const sent = messaging.send(greetings, hello).catch((error: unknown) => error);
    await vi.waitFor(() => expect(producer.take().length).toBe(1));
    producer.onClose = () => new Promise(() => undefined);
    const closed = messaging.close({ timeoutMs: 500 });
    await clock.pass(500 + 1_000 + 1_000);
    await closed;
    expect(await sent).toMatchObject({ maybeWritten: true });
  });

  test.each([-1, 1.5, '5'])('has no timeout of %s', async (timeoutMs) => {
    const close = open().close({ timeoutMs: Object(timeoutMs).valueOf() });
    await expect(close).rejects.toThrow('timeoutMs must be a whole number of ms');
  });
});

describe('options', () => {
  const driver = memory();
  test.each([
    [{ driver }, 'name must be a string and not empty, got undefined'],
    [{ name: '', driver }, 'name must be a string and not empty, got ""'],
    [{ name: 'a' }, 'driver must be a driver, e.g. kafkajs('],
    [{ name: 'a', driver: new Kafka({ brokers: ['a:1'] }) }, 'got an instance of Client'],
    [{ name: 'a', driver: { admin: {} } }, 'driver must have producer(), got an instance of'],
    [{ name: 'a', driver, clock: Date }, 'clock must have wall(), got a function'],
    [null, 'the options of createMessaging must be an object, got null'],
    [{ name: 'a', driver, producer: null }, 'the options of producer must be an object, got null'],
    [{ name: 'a', driver, brokers: [] }, 'createMessaging has no option "brokers"'],
    [{ name: 'a', driver, producer: { lingerMs: -1 } }, 'producer.lingerMs must be'],
  ])('%j are refused', (options, message) => {
    const create = (...args: unknown[]) => Reflect.apply(createMessaging, undefined, args);
    expect(() => create(options)).toThrow(message);
  });

  test.each(['subscribe', 'subscribeBatch'] as const)('%s takes a topic', (method) => {
    const messaging = open();
    const subscribe = (...args: unknown[]) => Reflect.apply(messaging[method], messaging, args);
    for (const topic of [undefined, 'greetings', { name: 'greetings' }]) {
      expect(() => subscribe(topic, () => undefined, { group: 'g' })).toThrow(
        'topic must come from defineTopic(), got',
      );
    }
    expect(() => subscribe(greetings, () => undefined)).toThrow(
      `the options of ${method} must be an object, got undefined`,
    );
  });

  test('many messages are something that can be gone through', async () => {
    const messaging = open();
    const sendMany = async (...args: unknown[]) =>
      Reflect.apply(messaging.sendMany, messaging, args);
    await expect(sendMany(greetings, hello)).rejects.toThrow('messages must be iterable, got');
  });

  test('close has no others, and closes nothing then', async () => {
    const messaging = open();
    await expect(messaging.close(Object({ timeout: 5 }))).rejects.toThrow(
      'close has no option "timeout"; it has timeoutMs',
    );
    expect(messaging.health().status).toBe('up');
    const subscription = messaging.subscribe(greetings, () => undefined, { group: 'g' });
    await expect(subscription.close(Object({ timeoutMs: -1 }))).rejects.toThrow('timeoutMs must');
  });

  test('a middleware is a function', () => {
    expect(() => open().use(Object(1))).toThrow('middleware must be a function');
  });

  test('a group must fit into the names of its retry topics', () => {
    const topic = defineTopic({
      ...{ name: 'a', partitions: 1, schema: z.string(), retry: { topics: true } },
    });
    const subscribe = (group: string) => open().subscribe(topic, () => undefined, { group });
    expect(() => subscribe('a b')).toThrow('group must be made of letters');
    expect(() => subscribe('g'.repeat(240))).toThrow('group is too long');
    expect(subscribe('g').group).toBe('g');
  });
});
