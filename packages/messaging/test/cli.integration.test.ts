import { startKafka } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createMessaging, defineTopic, type Messaging, PoisonError } from '../src/index.ts';
import { kafkajs } from '../src/kafkajs/index.ts';
import { dlq } from './dlq-command.ts';

const orders = defineTopic({
  name: 'orders',
  partitions: 3,
  schema: z.object({ id: z.string(), n: z.number() }),
  key: ({ id }) => id,
});
const sent = Array.from({ length: 50 }, (_, n) => ({ id: `o${n % 7}`, n }));
const poisoned = sent.filter(({ n }) => n % 10 === 0);

describe('the command for dead letters, on a real cluster', () => {
  const server = useServer(startKafka);
  const handled = new Map<number, string[]>();
  let isMended = false;
  let messaging: Messaging;
  const at = () => ['--brokers', server().url, '--topic', orders.name];

  beforeAll(async () => {
    messaging = createMessaging({
      name: 'shop',
      driver: kafkajs(new Kafka({ brokers: [server().url] })),
    });
    await messaging.provision([orders]);
    const subscription = messaging.subscribe(
      orders,
      ({ n }, { key, headers }) => {
        if (n % 10 === 0 && !isMended) throw new PoisonError(`cannot take ${n}`);
        handled.set(n, [...(handled.get(n) ?? []), `${key} ${headers['lang']}`]);
      },
      { group: 'billing' },
    );
    await messaging.start();
    const headers = { lang: 'de' };
    await Promise.all(sent.map((order) => messaging.send(orders, order, { headers })));
    const expected = { handled: 45, deadLettered: 5 };
    await vi.waitFor(() => expect(subscription.stats()).toMatchObject(expected), 40_000);
  });
  afterAll(() => messaging.close());

  test('list, show and replay bring every dead letter back to its handler, once', async () => {
    const listed = await dlq('list', ...at());
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout.match(/group billing {2}attempts 1/g)).toHaveLength(5);
    expect(listed.stdout).toContain('ERR_MESSAGING_POISON: cannot take 40');
    expect(listed.stdout).toMatch(/\n5 dead letters of orders\n$/);

    const shown = await dlq('show', ...at(), '--partition', '0', '--offset', '0');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    const letter = JSON.parse(shown.stdout);
    expect(letter).toMatchObject({ original: { topic: 'orders' }, group: 'billing' });
    expect(poisoned).toContainEqual(JSON.parse(letter.value));
    expect(letter.headers).toContainEqual(['lang', 'de']);

    const dry = await dlq('replay', ...at(), '--dry-run');
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout).toMatch(/\n5 dead letters of orders would be sent again\n$/);

    isMended = true;
    const replayed = await dlq('replay', ...at());
    expect(replayed).toMatchObject({ code: 0, stderr: '' });
    expect(replayed.stdout.match(/^sent to orders: /gm)).toHaveLength(5);
    expect(replayed.stdout).toMatch(/\n5 dead letters of orders were sent again\n$/);
    await expect.poll(() => handled.size, { timeout: 30_000 }).toBe(sent.length);

    const again = await dlq('replay', ...at());
    expect(again).toEqual({
      code: 0,
      stdout: '0 dead letters of orders were sent again\n',
      stderr: '',
    });
    expect((await dlq('list', ...at())).stdout).toBe('0 dead letters of orders\n');
    // What comes behind all of them is handled behind all of them, so nothing was sent twice.
    const last = poisoned.map(({ id }, i) => ({ id, n: 1_001 + i }));
    for (const order of last) await messaging.send(orders, order, { headers: { lang: 'de' } });
    await expect.poll(() => handled.size, { timeout: 30_000 }).toBe(sent.length + last.length);
    for (const { id, n } of [...sent, ...last]) expect(handled.get(n)).toEqual([`${id} de`]);
  }, 120_000);

  test('a topic without dead letters is said to be unknown', async () => {
    const where = ['--brokers', server().url, '--topic', 'nowhere'];
    for (const args of [['list'], ['show', '--partition', '0', '--offset', '0'], ['replay']]) {
      const { code, stdout, stderr } = await dlq(...args, ...where);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^failed: .*nowhere\.dlq.*\n$/);
    }
  });

  test('a letter that is not there is said to be missing', async () => {
    const missing = await dlq('show', ...at(), '--partition', '0', '--offset', '99');
    expect(missing).toEqual({
      code: 1,
      stdout: '',
      stderr: 'failed: there is no dead letter at partition 0 offset 99\n',
    });
  });

  test('a wrong use is told with the right one', async () => {
    const { code, stdout, stderr } = await dlq('list', '--topic', 'orders');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^--brokers and --topic are needed\n\nUsage: shopgpt-messaging dlq/);
  });
});

test('a broker that is not there ends the command in bounded time with a reason', async () => {
  // Nothing listens on the port that only root could have taken.
  const { code, stdout, stderr } = await dlq('list', '--brokers', '127.0.0.1:1', '--topic', 't');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^failed: .*127\.0\.0\.1:1.*\n$/);
});
