import { afterEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { memory } from './memory/index.ts';
import { createMessaging, type Messaging } from './messaging.ts';
import { defineTopic } from './topic.ts';

const open: Messaging[] = [];
const greetings = defineTopic({
  name: 'greetings',
  partitions: 3,
  schema: z.object({ to: z.string(), n: z.number() }),
  key: (m) => m.to,
});

async function start() {
  const driver = memory();
  await driver.admin.create({ name: 'greetings', partitions: 3, config: {} });
  const messaging = createMessaging({ name: 'test', driver });
  open.push(messaging);
  await messaging.start();
  return { driver, messaging };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((messaging) => messaging.close()));
});

test('what is sent is handled, in the order of its key', async () => {
  const { messaging } = await start();
  const seen: string[] = [];
  messaging.subscribe(greetings, ({ to, n }, { key }) => seen.push(`${key} ${to} ${n}`), {
    group: 'g',
  });
  const messages = Array.from({ length: 10 }, (_, n) => ({ to: n % 2 ? 'odd' : 'even', n }));
  const results = await messaging.sendMany(greetings, messages);
  expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
  await vi.waitFor(() => expect(seen.length).toBe(10));
  expect(seen.filter((text) => text.startsWith('odd'))).toEqual(
    [1, 3, 5, 7, 9].map((n) => `odd odd ${n}`),
  );
});
