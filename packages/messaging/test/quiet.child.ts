// Sends, reads and does nothing for a while; prints what the process was warned of.
import { createMessaging, defineTopic } from '@shopgpt/messaging';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { Kafka } from 'kafkajs';
import { z } from 'zod';

const [url = '', name = ''] = process.argv.slice(2);
const warnings: string[] = [];
process.on('warning', (warning) => warnings.push(`${warning.name}: ${warning.message}`));

const topic = defineTopic({ name, partitions: 2, schema: z.object({ n: z.number() }) });
const messaging = createMessaging({
  name: 'quiet',
  driver: kafkajs(new Kafka({ brokers: [url] })),
});
const sends = 2_000;
const handled = Promise.withResolvers<void>();
let count = 0;
messaging.subscribe(
  topic,
  () => {
    count += 1;
    if (count === sends) handled.resolve();
  },
  { group: name, from: 'earliest' },
);
await messaging.start();
await Promise.all(Array.from({ length: sends }, (_, n) => messaging.send(topic, { n })));
await handled.promise;
await new Promise((resolve) => setTimeout(resolve, 1_200));
await messaging.close();
process.stdout.write(JSON.stringify({ count, warnings }));
