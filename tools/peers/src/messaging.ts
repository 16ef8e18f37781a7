import {
  Consumer,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  ProduceAcks,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { type EachMessageHandler, Kafka, logLevel } from 'kafkajs';

/** Another client of Kafka, as far as it is measured. */
export interface PeerMessaging {
  /** Resolves when all replicas in sync have it. */
  send(topic: string, key: string, value: string): Promise<unknown>;
  /** The same for many in one call. */
  sendMany(topic: string, messages: readonly PeerMessage[]): Promise<unknown>;
  /** Reads the topic from its beginning, four partitions at once; resolves once it is a member of the group. */
  consume(topic: string, group: string, handle: () => Promise<void>): Promise<void>;
  /**
   * The same for messages in JSON, which the handler gets parsed, and it is done when it returns: in the cheapest
   * way that the library has for it.
   */
  count(topic: string, group: string, handled: (message: unknown) => void): Promise<void>;
  stopConsumer(): Promise<unknown>;
  close(): Promise<unknown>;
}

interface PeerMessage {
  readonly key: string;
  readonly value: string;
}

type OpenPeer = (brokers: readonly string[]) => Promise<PeerMessaging>;

/** Each with its default settings, as its documentation shows it. */
export const peers: Readonly<Record<string, OpenPeer>> = {
  kafkajs: openKafkajs,
  '@platformatic/kafka': openPlatformatic,
};

async function openKafkajs(brokers: readonly string[]): Promise<PeerMessaging> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  let consumer: ReturnType<typeof kafka.consumer> | undefined;
  const consume = async (topic: string, groupId: string, eachMessage: EachMessageHandler) => {
    const member = kafka.consumer({ groupId });
    consumer = member;
    await member.connect();
    const joined = new Promise((resolve) => member.on(member.events.GROUP_JOIN, resolve));
    await member.subscribe({ topic, fromBeginning: true });
    await member.run({ partitionsConsumedConcurrently: 4, eachMessage });
    await joined;
  };
  return {
    send: (topic, key, value) => producer.send({ topic, acks: -1, messages: [{ key, value }] }),
    sendMany: (topic, messages) => producer.send({ topic, acks: -1, messages: [...messages] }),
    consume,
    count: (topic, group, handled) =>
      consume(topic, group, async ({ message }) => handled(JSON.parse(`${message.value}`))),
    stopConsumer: async () => consumer?.disconnect(),
    close: () => producer.disconnect(),
  };
}

async function openPlatformatic(brokers: readonly string[]): Promise<PeerMessaging> {
  const common = { clientId: 'bench', bootstrapBrokers: [...brokers] };
  const producer = new Producer({ ...common, serializers: stringSerializers });
  let consumer: Consumer<string, string, string, string> | undefined;
  const open = (topic: string, groupId: string) => {
    consumer = new Consumer({ ...common, groupId, deserializers: stringDeserializers });
    return consumer.consume({
      topics: [topic],
      autocommit: true,
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
    });
  };
  return {
    send: (topic, key, value) =>
      producer.send({ acks: ProduceAcks.ALL, messages: [{ topic, key, value }] }),
    sendMany: (topic, messages) =>
      producer.send({
        acks: ProduceAcks.ALL,
        messages: messages.map((message) => ({ topic, ...message })),
      }),
    async count(topic, group, handled) {
      const stream = await open(topic, group);
      stream.on('data', ({ value }) => handled(JSON.parse(value)));
    },
    async consume(topic, group, handle) {
      const stream = await open(topic, group);
      // One message of a partition at a time, as order wants it.
      const lanes = new Map<number, Promise<void>>();
      stream.on('data', ({ partition }) => {
        const before = lanes.get(partition) ?? Promise.resolve();
        lanes.set(partition, before.then(handle));
      });
    },
    stopConsumer: async () => consumer?.close(true),
    close: () => producer.close(),
  };
}
