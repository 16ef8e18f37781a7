import { createMessaging, defineTopic, SendError } from '@shopgpt/messaging';
import { memory } from '@shopgpt/messaging/memory';
import { z } from 'zod';

const clicks = defineTopic({
  name: 'clicks',
  partitions: 3,
  schema: z.object({ page: z.string() }),
});
const messaging = createMessaging({
  name: 'web',
  driver: memory(),
  producer: { deliveryTimeoutMs: 30_000, queue: { max: 50_000, whenFull: 'reject' } },
});
await messaging.provision([clicks]);

// One failing hides none of the others: each has a result of its own.
const results = await messaging.sendMany(clicks, [{ page: '/' }, { page: '/cart' }]);
console.log(results.map(({ status }) => status));

// Bad input is refused here, not in somebody's consumer.
const page: unknown = 404;
const refused = messaging.send(clicks, { page: page as string });
console.log(await refused.catch((error: Error) => error.message));

try {
  await messaging.send(clicks, { page: '/' }, { signal: AbortSignal.timeout(1_000) });
} catch (error) {
  // Only what is certainly not in the log is safe to send again.
  if (error instanceof SendError && !error.maybeWritten) console.log('again later');
}
await messaging.close();
