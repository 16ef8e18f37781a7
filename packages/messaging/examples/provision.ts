import { createMessaging, defineTopic } from '@shopgpt/messaging';
import { memory } from '@shopgpt/messaging/memory';
import { z } from 'zod';

const schema = z.object({ id: z.string() });
const messaging = createMessaging({ name: 'deploy', driver: memory() });
const before = defineTopic({ name: 'stock', partitions: 2, schema, deadLetter: false });
await messaging.provision([before]);

const stock = defineTopic({
  name: 'stock',
  partitions: 4,
  schema,
  config: { 'max.message.bytes': 2_000_000 },
});
const { steps, text } = await messaging.provision([stock], { dryRun: true });
console.log(text);
console.log(steps.map(({ kind }) => kind));
await messaging.close();
