import { createMessaging, defineTopic } from '@shopgpt/messaging';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { Kafka } from 'kafkajs';
import { z } from 'zod';

const brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',');
const messaging = createMessaging({
  name: 'chat-service',
  driver: kafkajs(new Kafka({ clientId: 'chat-service', brokers })),
  producer: { compression: 'zstd' },
});

const chatMessages = defineTopic({
  name: 'chat-messages',
  partitions: 10,
  schema: z.object({ userId: z.string(), text: z.string() }),
  key: (message) => message.userId,
  config: { 'retention.ms': 604_800_000 },
});
const plan = await messaging.provision([chatMessages]);
console.log(plan.text);

const { offset } = await messaging.send(chatMessages, { userId: 'u1', text: 'hello' });
console.log(`written at offset ${offset}`);

await messaging.close();
