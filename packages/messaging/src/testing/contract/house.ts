import { randomUUID } from 'node:crypto';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Handler } from '../../consuming/handlers.ts';
import type { SubscribeOptions } from '../../consuming/subscribe-options.ts';
import type { Subscription } from '../../consuming/subscription.ts';
import type { Driver } from '../../driver.ts';
import { createMessaging, type Messaging } from '../../messaging.ts';
import { deadLetterTopic, defineTopic, type Topic, type TopicOptions } from '../../topics/topic.ts';
import type { Numbered } from './journal.ts';
import { until, type World } from './world.ts';

/** Takes what it is given: what schemas do is tested elsewhere. */
const anything: StandardSchemaV1<Numbered> = {
  '~standard': {
    version: 1,
    vendor: 'shopgpt-contract',
    validate: (value) => ({ value: value as Numbered }),
  },
};

/** A process: a driver of its own, and what is on it. */
export interface Process {
  readonly messaging: Messaging;
  readonly driver: Driver;
}

/** The processes of one test; it closes those that it made. */
export class House {
  readonly world: World;
  readonly group: string;
  readonly #processes: Process[] = [];

  constructor(world: World) {
    this.world = world;
    this.group = world.group();
  }

  /** A topic on the cluster, with its dead letters unless told otherwise. */
  async topic(
    options: Partial<TopicOptions<typeof anything>> & { readonly withDeadLetters?: boolean } = {},
  ): Promise<Topic<Numbered>> {
    const { withDeadLetters = true, ...rest } = options;
    const name = `contract-${randomUUID()}`;
    const topic = defineTopic({
      name,
      partitions: 4,
      schema: anything,
      key: ({ key }) => key,
      ...rest,
    });
    const { admin } = this.world.driver;
    const { partitions } = topic;
    await admin.create({ name, partitions, config: {} });
    if (withDeadLetters) await this.createDeadLetters(topic);
    return topic;
  }

  async createDeadLetters({ name }: Topic<Numbered>): Promise<void> {
    const { admin } = this.world.driver;
    await admin.create({ name: deadLetterTopic(name), partitions: 1, config: {} });
  }

  async process(): Promise<Process> {
    const driver = await this.world.another();
    const messaging = createMessaging({ name: 'contract', driver });
    const made = { driver, messaging };
    this.#processes.push(made);
    return made;
  }

  /** A process that handles the topic for the group of the test. */
  async consumer(
    topic: Topic<Numbered>,
    handler: Handler<Numbered>,
    options: Partial<SubscribeOptions> = {},
  ): Promise<Process & { readonly subscription: Subscription }> {
    const made = await this.process();
    const subscription = made.messaging.subscribe(topic, handler, this.options(options));
    await made.messaging.start();
    return { ...made, subscription };
  }

  options<Options>(options: Options): Options & { readonly group: string } {
    const { sessionTimeoutMs } = this.world;
    const times = { sessionTimeoutMs, rebalanceTimeoutMs: 30_000, commitIntervalMs: 200 };
    return { group: this.group, ...times, ...options };
  }

  /** What the group has committed, of all partitions. */
  async committed({ name }: Topic<Numbered>): Promise<number> {
    const committed = await this.world.driver.admin.committed(this.group, name);
    return committed.reduce<number>((sum, offset) => sum + (offset ?? 0), 0);
  }

  /** Waits until so many records of the topic, from each partition's beginning, are committed. */
  async untilCommitted(topic: Topic<Numbered>, count: number): Promise<void> {
    await until('all is committed', async () => (await this.committed(topic)) === count);
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#processes.map(({ messaging }) => messaging.close({ timeoutMs: 5_000 })),
    );
  }
}

/** So many messages of so many keys; every tenth is poison if told so. */
export function messages(count: number, keys: number, poison = false): Numbered[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `key-${i % keys}`,
    n: Math.floor(i / keys),
    isPoison: poison && i % 10 === 3,
  }));
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
