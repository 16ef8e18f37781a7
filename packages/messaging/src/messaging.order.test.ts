import { afterEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { memory } from './memory/index.ts';
import { createMessaging, type Messaging } from './messaging.ts';
import type { ProducerOptions } from './producing/producer-options.ts';
import { defineTopic } from './topics/topic.ts';

const numbers = defineTopic({
  ...{ name: 'numbers', partitions: 4, schema: z.number(), key: (n: number) => `${n}` },
});
const opened: Messaging[] = [];

async function provisioned(producer: ProducerOptions = {}): Promise<Messaging> {
  const messaging = createMessaging({ name: 'test', driver: memory(), producer });
  opened.push(messaging);
  await messaging.provision([numbers]);
  return messaging;
}

/** For as long as a busy machine may need. */
const waitFor = (isSo: () => void) => vi.waitFor(isSo, 4_000);

afterEach(async () => {
  await Promise.all(opened.splice(0).map((messaging) => messaging.close({ timeoutMs: 100 })));
});

describe('in whatever order things are called', () => {
  test('a message may be sent before the start', async () => {
    const messaging = await provisioned();
    expect(await messaging.send(numbers, 1)).toMatchObject({ offset: 0 });
  });

  test('a second start begins nothing twice', async () => {
    const messaging = await provisioned();
    const seen: number[] = [];
    messaging.subscribe(numbers, (n) => void seen.push(n), { group: 'g' });
    await Promise.all([messaging.start(), messaging.start()]);
    await messaging.start();
    await messaging.sendMany(numbers, [1, 2, 3]);
    await waitFor(() => expect(seen.sort()).toEqual([1, 2, 3]));
    expect(messaging.stats().subscriptions).toMatchObject([{ partitions: 4, handled: 3 }]);
  });

  test('two subscriptions of one group are two members, and share the partitions', async () => {
    const messaging = await provisioned();
    const seen: number[] = [];
    for (let i = 0; i < 2; i += 1) {
      messaging.subscribe(numbers, (n) => void seen.push(n), { group: 'g' });
    }
    await messaging.start();
    const shares = () => messaging.stats().subscriptions.map(({ partitions }) => partitions);
    await waitFor(() => expect(shares()).toEqual([2, 2]));
    const sent = Array.from({ length: 40 }, (_, n) => n);
    await messaging.sendMany(numbers, sent);
    await waitFor(() => expect(seen.sort((a, b) => a - b)).toEqual(sent));
  });

  test('a middleware that comes after the start goes around the calls that follow', async () => {
    const messaging = await provisioned();
    const seen: string[] = [];
    messaging.subscribe(numbers, (n) => void seen.push(`handler ${n}`), { group: 'g' });
    await messaging.start();
    await messaging.send(numbers, 1);
    await waitFor(() => expect(seen).toHaveLength(1));
    messaging.use(async (_, next) => {
      seen.push('middleware');
      await next();
    });
    await messaging.send(numbers, 2);
    await waitFor(() => expect(seen).toEqual(['handler 1', 'middleware', 'handler 2']));
  });

  test('a close while it starts ends it, and a second close waits for the first', async () => {
    const messaging = await provisioned();
    const subscription = messaging.subscribe(numbers, () => undefined, { group: 'g' });
    const started = messaging.start();
    const closed = messaging.close();
    let isEnded = false;
    void closed.then(() => {
      isEnded = true;
    });
    await messaging.close({ timeoutMs: 0 });
    expect(isEnded).toBe(true);
    await started;
    expect(subscription.health().status).toBe('down');
    expect(messaging.health().reasons).toEqual(['it is closed']);
  });

  test('what is in use ends with its block', async () => {
    const messaging = await provisioned();
    const { health } = await (async () => {
      await using subscription = messaging.subscribe(numbers, () => undefined, { group: 'g' });
      await messaging.start();
      return { health: () => subscription.health().status };
    })();
    expect(health()).toBe('down');
    expect(messaging.stats().subscriptions).toEqual([]);
  });

  test('a subscription that is closed stays closed, and replays nothing', async () => {
    const messaging = await provisioned();
    const subscription = messaging.subscribe(numbers, () => undefined, { group: 'g' });
    await subscription.close();
    await messaging.start();
    subscription.start();
    expect(subscription.health().status).toBe('down');
    expect(await subscription.replay('earliest')).toEqual([]);
  });

  test('as many messages as the queue holds may be sent at once, and one more is told', async () => {
    const messaging = await provisioned({ queue: { max: 1_000 } });
    const results = await messaging.sendMany(numbers, new Array<number>(1_001).fill(7));
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'ERR_MESSAGING_QUEUE_FULL' } }]);
    expect(results.at(-1)).toBe(refused[0]);
    expect(results.at(-2)).toMatchObject({ value: { offset: 999 } });
  });
});
