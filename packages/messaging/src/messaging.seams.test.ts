import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { PoisonError } from './errors.ts';
import { type MemoryDriver, memory } from './memory/index.ts';
import { createMessaging, type Messaging } from './messaging.ts';
import { defineTopic } from './topics/topic.ts';

const numbers = defineTopic({
  ...{ name: 'numbers', partitions: 4, schema: z.number(), key: (n: number) => `${n % 10}` },
});
const many = Array.from({ length: 200 }, (_, n) => n);
const opened: Messaging[] = [];
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);

function open(driver: MemoryDriver = memory()): Messaging {
  const messaging = createMessaging({ name: 'test', driver });
  opened.push(messaging);
  return messaging;
}

async function provisioned(): Promise<{ messaging: Messaging; driver: MemoryDriver }> {
  const driver = memory();
  const messaging = open(driver);
  await messaging.provision([numbers]);
  return { messaging, driver };
}

beforeEach(() => void process.on('unhandledRejection', note));

afterEach(async () => {
  await Promise.all(opened.splice(0).map((messaging) => messaging.close({ timeoutMs: 100 })));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled.splice(0)).toEqual([]);
});

describe('close', () => {
  test('ends in its time while a dead letter is written to a broker that is away, and the message comes again', async () => {
    const { messaging, driver } = await provisioned();
    driver.broker.dropRequests({ api: 'produce', topic: 'numbers.dlq' });
    const tried = vi.fn(() => Promise.reject(new PoisonError('no')));
    messaging.subscribe(numbers, tried, { group: 'g', sessionTimeoutMs: 300 });
    await messaging.start();
    await messaging.send(numbers, 1);
    await vi.waitFor(() => expect(messaging.stats().producer.inFlight).toBe(1));
    driver.broker.down();
    await messaging.close({ timeoutMs: 200 });
    driver.broker.up();
    const later = open(memory({ broker: driver.broker }));
    const again = vi.fn();
    later.subscribe(numbers, again, { group: 'g' });
    await later.start();
    await vi.waitFor(() => expect(again).toHaveBeenCalledWith(1, expect.anything()), 3_000);
  });

  test('in the midst of a rebalance loses nothing and repeats nothing', async () => {
    const { messaging, driver } = await provisioned();
    const seen: number[] = [];
    messaging.subscribe(numbers, (n) => void seen.push(n), { group: 'g' });
    await messaging.start();
    await messaging.sendMany(numbers, many);
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(0));
    const next = open(memory({ broker: driver.broker }));
    next.subscribe(numbers, (n) => void seen.push(n), { group: 'g' });
    await next.start();
    driver.broker.rebalance('g');
    await messaging.close();
    await vi.waitFor(() => expect(new Set(seen).size).toBe(many.length));
    expect(seen).toHaveLength(many.length);
  });

  test('ends although a handler waits for it, and what that sends then is refused', async () => {
    const { messaging } = await provisioned();
    const refused = Promise.withResolvers<unknown>();
    const handler = async () => {
      await messaging.close({ timeoutMs: 100 });
      await messaging.send(numbers, 2).catch(refused.resolve);
    };
    messaging.subscribe(numbers, handler, { group: 'g' });
    await messaging.start();
    await messaging.send(numbers, 1);
    expect(await refused.promise).toMatchObject({ code: 'ERR_MESSAGING_CLOSED' });
  });

  test('ends what is still being sent and encoded, each with an answer', async () => {
    const { messaging, driver } = await provisioned();
    driver.broker.down();
    const endless = z.number().refine(() => new Promise<boolean>(() => undefined));
    const slow = defineTopic({ name: 'slow', partitions: 1, schema: endless });
    const sends = [messaging.send(numbers, 1), messaging.send(numbers, Number.NaN)];
    void messaging.send(slow, 1);
    const answers = Promise.allSettled(sends);
    await messaging.close({ timeoutMs: 50 });
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});

describe('one process', () => {
  test('may have two members of a group, which share the messages', async () => {
    const { messaging } = await provisioned();
    const seen: number[][] = [[], []];
    const members = seen.map((mine) =>
      messaging.subscribe(numbers, (n) => void mine.push(n), { group: 'g' }),
    );
    await messaging.start();
    await vi.waitFor(() => {
      expect(members.map((member) => member.stats().partitions)).toEqual([2, 2]);
    });
    await messaging.sendMany(numbers, many);
    await vi.waitFor(() => expect(seen.flat()).toHaveLength(many.length));
    expect(seen.flat().sort((a, b) => a - b)).toEqual(many);
    expect(seen.every((mine) => mine.length > 0)).toBe(true);
  });

  test('may read topics with the members of one group', async () => {
    const { messaging } = await provisioned();
    const others = defineTopic({ name: 'others', partitions: 3, schema: z.string() });
    await messaging.provision([others]);
    const seen: unknown[] = [];
    messaging.subscribe(numbers, (n) => void seen.push(n), { group: 'g' });
    messaging.subscribe(others, (text) => void seen.push(text), { group: 'g' });
    await messaging.start();
    await messaging.send(numbers, 1);
    await messaging.send(others, 'a');
    await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set([1, 'a'])));
  });

  test('may know a topic by two schemas: each subscription reads by its own', async () => {
    const { messaging, driver } = await provisioned();
    const small = defineTopic({ name: 'numbers', partitions: 4, schema: z.number().max(10) });
    const seen: number[] = [];
    const strict = messaging.subscribe(small, (n) => void seen.push(n), { group: 'small' });
    const all = messaging.subscribe(numbers, () => undefined, { group: 'all' });
    await messaging.start();
    await messaging.sendMany(numbers, [5, 50]);
    await vi.waitFor(() => expect(strict.stats()).toMatchObject({ handled: 1, deadLettered: 1 }));
    await vi.waitFor(() => expect(all.stats()).toMatchObject({ handled: 2, deadLettered: 0 }));
    expect(seen).toEqual([5]);
    expect(driver.broker.log({ topic: 'numbers.dlq', partition: 0 })).toHaveLength(1);
  });
});

test('middleware that is given after the start goes around every later call', async () => {
  const { messaging } = await provisioned();
  const seen: string[] = [];
  messaging.subscribe(numbers, (n) => void seen.push(`handler ${n}`), { group: 'g' });
  await messaging.start();
  await messaging.send(numbers, 1);
  await vi.waitFor(() => expect(seen).toEqual(['handler 1']));
  messaging.use((_, next) => {
    seen.push('middleware');
    return next();
  });
  await messaging.send(numbers, 2);
  await vi.waitFor(() => expect(seen).toEqual(['handler 1', 'middleware', 'handler 2']));
});

test('what is sent while the group shares its partitions anew is handled once, in its order', async () => {
  const { messaging, driver } = await provisioned();
  const seen = new Map<number, number[]>();
  const handler = (n: number) => {
    const ofKey = seen.get(n % 10) ?? [];
    seen.set(n % 10, [...ofKey, n]);
  };
  messaging.subscribe(numbers, handler, { group: 'g' });
  await messaging.start();
  for (let i = 0; i < many.length; i += 20) {
    driver.broker.rebalance('g');
    await messaging.sendMany(numbers, many.slice(i, i + 20));
  }
  await vi.waitFor(() => expect([...seen.values()].flat()).toHaveLength(many.length));
  for (const [key, mine] of seen) expect(mine).toEqual(many.filter((n) => n % 10 === key));
});

test('a topic may be provisioned while it is sent to: who is refused may send again', async () => {
  const messaging = open();
  const early = await messaging.send(numbers, 1).catch((error: unknown) => error);
  expect(early).toMatchObject({ maybeWritten: false, cause: { topic: 'numbers' } });
  const [, late] = await Promise.all([
    messaging.provision([numbers]),
    vi.waitFor(() => messaging.send(numbers, 2)),
  ]);
  expect(late).toMatchObject({ offset: 0 });
  await messaging.provision([numbers]);
  expect(await messaging.send(numbers, 2)).toMatchObject({ offset: 1 });
});
