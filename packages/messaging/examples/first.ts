import { createMessaging, defineTopic } from '@shopgpt/messaging';
import { memory } from '@shopgpt/messaging/memory';
import { z } from 'zod';

// Once, in a module that both sides import.
const orders = defineTopic({
  name: 'orders',
  partitions: 6,
  schema: z.object({ id: z.string(), total: z.number() }),
  key: (order) => order.id,
});

const messaging = createMessaging({ name: 'shop', driver: memory() });
await messaging.provision([orders]);

const paid = Promise.withResolvers<string>();
messaging.subscribe(
  orders,
  async (order, { attempt, signal }) => {
    signal.throwIfAborted();
    paid.resolve(`order ${order.id} over ${order.total} is paid, at attempt ${attempt}`);
  },
  { group: 'payments', concurrency: 64 },
);
await messaging.start();

const { offset } = await messaging.send(orders, { id: 'o1', total: 19 });
console.log(`written at offset ${offset}`);
console.log(await paid.promise);

await messaging.close();
