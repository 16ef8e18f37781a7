import { createMessaging, defineTopic, type Topic } from '@shopgpt/messaging';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { type PeerMessaging, peers } from '@shopgpt/peers/messaging';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { Kafka } from 'kafkajs';

export const OURS = '@shopgpt/messaging';
export const contestants: readonly string[] = [...Object.keys(peers), OURS];

export async function open(name: string, brokers: readonly string[]): Promise<PeerMessaging> {
  const peer = peers[name];
  return peer ? peer(brokers) : openOurs(brokers);
}

interface Message {
  readonly key: string;
  readonly value: string;
}

/** Checks as little as a schema can: what a schema costs is its own affair. */
const schema: StandardSchemaV1<Message> = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value: unknown) => ({ value: value as Message }),
  },
};

async function openOurs(brokers: readonly string[]): Promise<PeerMessaging> {
  const driver = kafkajs(new Kafka({ brokers: [...brokers] }));
  const messaging = createMessaging({ name: 'bench', driver });
  const topics = new Map<string, Topic<Message, Message>>();
  const topicOf = (name: string) => {
    const known =
      topics.get(name) ?? defineTopic({ name, partitions: 4, schema, key: (m) => m.key });
    topics.set(name, known);
    return known;
  };
  const consume = async (
    topic: string,
    group: string,
    handle: (message: Message) => Promise<void>,
  ) => {
    const subscription = messaging.subscribe(topicOf(topic), handle, { group, concurrency: 64 });
    await messaging.start();
    while (subscription.stats().partitions === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return {
    send: (topic, key, value) => messaging.send(topicOf(topic), { key, value }),
    sendMany: (topic, messages) => messaging.sendMany(topicOf(topic), messages),
    consume,
    count: (topic, group, handled) => consume(topic, group, async (message) => handled(message)),
    stopConsumer: () => messaging.close(),
    close: () => messaging.close(),
  };
}
