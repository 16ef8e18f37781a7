import { setTimeout as sleep } from 'node:timers/promises';
import { createMessaging, defineTopic, PoisonError } from '@shopgpt/messaging';
import { memory } from '@shopgpt/messaging/memory';
import { z } from 'zod';

const payments = defineTopic({
  name: 'payments',
  partitions: 1,
  schema: z.object({ card: z.string() }),
  key: (payment) => payment.card,
  retry: { attempts: 3, backoffMs: [20, 100] },
  deadLetter: true,
});
const driver = memory();
const messaging = createMessaging({ name: 'billing', driver });
await messaging.provision([payments]);

const done = Promise.withResolvers<void>();
const subscription = messaging.subscribe(
  payments,
  ({ card }, { attempt }) => {
    if (card === 'stolen') throw new PoisonError('no attempt will ever succeed');
    if (card === 'busy' && attempt < 3) throw new Error('the bank does not answer');
    console.log(`${card}: attempt ${attempt}`);
    if (card === 'busy') done.resolve();
  },
  { group: 'billing' },
);
await messaging.start();

await messaging.sendMany(payments, [{ card: 'stolen' }, { card: 'busy' }, { card: 'good' }]);
await done.promise;
while (subscription.stats().deadLettered === 0) await sleep(10);

const [letter] = await driver.admin.read({ topic: 'payments.dlq', partition: 0, offset: 0 });
const reasons = letter?.headers.filter(([name]) => name.startsWith('x-error-'));
for (const [name, value] of reasons ?? []) console.log(`${name}: ${value}`);
await messaging.close();
