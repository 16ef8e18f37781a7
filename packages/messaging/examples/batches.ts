import { createMessaging, defineTopic } from '@shopgpt/messaging';
import { memory } from '@shopgpt/messaging/memory';
import { z } from 'zod';

const views = defineTopic({ name: 'views', partitions: 1, schema: z.object({ page: z.string() }) });
const messaging = createMessaging({ name: 'statistics', driver: memory() });
await messaging.provision([views]);

await messaging.sendMany(views, [{ page: '/' }, { page: '/cart' }, { page: '/' }]);

const written = Promise.withResolvers<void>();
messaging.subscribeBatch(
  views,
  async (batch, { partition }) => {
    // One bulk insert. What it throws is a failure of the whole batch.
    const rows = batch.map(({ message, offset }) => `${offset} ${message.page}`);
    console.log(`partition ${partition}: ${rows.join(', ')}`);
    written.resolve();
  },
  { group: 'statistics', maxSize: 500, maxWaitMs: 50 },
);
await messaging.start();
await written.promise;
await messaging.close();
