import { announce, type Component } from './announce.ts';
import { checkKnown, checkMethods, checkText, show } from './check.ts';
import { type Clock, settledWithin, systemClock } from './clock.ts';
import { type CloseOptions, resolveClose } from './close-options.ts';
import type { BatchHandler, Handler } from './consuming/handlers.ts';
import type { Middleware } from './consuming/middleware.ts';
import type { SubscribeBatchOptions, SubscribeOptions } from './consuming/subscribe-options.ts';
import {
  batchSubscription,
  type Subscription,
  type SubscriptionStats,
  singleSubscription,
} from './consuming/subscription.ts';
import type { Driver } from './driver.ts';
import { keepDriver } from './drivers.ts';
import { MessagingClosedError } from './errors.ts';
import { type MessagingHealth, overallHealth } from './health.ts';
import type { Sent } from './producing/delivery.ts';
import { Producer, type ProducerStats } from './producing/producer.ts';
import { type ProducerOptions, resolveProducerOptions } from './producing/producer-options.ts';
import { Sender, type SendOptions } from './producing/sender.ts';
import { type ProvisionOptions, type ProvisionPlan, provision } from './topics/provision.ts';
import type { RetryReader } from './topics/provision-plan.ts';
import {
  type AnyTopic,
  checkTopic,
  checkTopicName,
  retryTopic,
  type Topic,
} from './topics/topic.ts';

/** What `createMessaging` takes. */
export interface MessagingOptions {
  /** Appears in errors, spans and statistics: the name of the service. */
  readonly name: string;
  /** The way to the brokers, e.g. `kafkajs(new Kafka({ ... }))` or `memory()`. Closed by `close`. */
  readonly driver: Driver;
  /** How messages are written. Default: what each of its options says. */
  readonly producer?: ProducerOptions;
  /** For tests. Default: the system's. */
  readonly clock?: Clock;
}

/** Counters that only grow, and what is so now. */
export interface MessagingStats {
  readonly producer: ProducerStats;
  readonly subscriptions: readonly SubscriptionStats[];
}

/** Sends and handles messages of topics; made by `createMessaging`. */
export interface Messaging extends AsyncDisposable {
  readonly name: string;
  /**
   * Writes a message. Resolves when as many brokers have it as the topic demands.
   *
   * @throws (as a rejection) SchemaError, QueueFullError, MessageTooLargeError, MessagingClosedError: it was
   * not sent; SendError: it was accepted, and its `maybeWritten` says what became of it; TypeError or
   * RangeError for a bad option; `signal.reason`; what the topic's own functions throw
   */
  send<Message, Input>(
    topic: Topic<Message, Input>,
    message: NoInfer<Input>,
    options?: SendOptions,
  ): Promise<Sent>;
  /**
   * Writes messages in their order. Each has a result of its own, whatever becomes of the others; rejects only
   * when `messages` cannot be gone through, and then sends nothing.
   */
  sendMany<Message, Input>(
    topic: Topic<Message, Input>,
    messages: Iterable<NoInfer<Input>>,
    options?: SendOptions,
  ): Promise<PromiseSettledResult<Sent>[]>;
  /**
   * Handles the messages of a topic, one by one. Works before `start`, when reading begins, and after it.
   *
   * @throws TypeError or RangeError that names the option and its value; MessagingClosedError
   */
  subscribe<Message, Input>(
    topic: Topic<Message, Input>,
    handler: Handler<Message>,
    options: SubscribeOptions,
  ): Subscription;
  /**
   * Handles the messages of a topic in batches, each of one partition. As `subscribe` otherwise.
   *
   * @throws TypeError or RangeError that names the option and its value; MessagingClosedError
   */
  subscribeBatch<Message, Input>(
    topic: Topic<Message, Input>,
    handler: BatchHandler<Message>,
    options: SubscribeBatchOptions,
  ): Subscription;
  /**
   * Puts a function around every call of every handler; the first one given is the outermost.
   *
   * @throws TypeError when it is none
   */
  use(middleware: Middleware): void;
  /**
   * Makes the topics that are missing, with their dead letters, and the retry topics of the subscriptions that
   * are known by then; tells what differs.
   *
   * @throws ProvisionRefusedError, before anything is changed, when a topic has more partitions than it is to
   * have; DriverError when the cluster fails: it may be repeated
   */
  provision(topics: readonly AnyTopic[], options?: ProvisionOptions): Promise<ProvisionPlan>;
  /** Resolves when every message that was sent before has its answer, whichever. */
  flush(): Promise<void>;
  /**
   * Begins to read. Does not wait for the cluster: a service starts while that is away, and `health` tells.
   *
   * @throws what the driver says of options or a client that it can do nothing with
   */
  start(): Promise<void>;
  health(): MessagingHealth;
  stats(): MessagingStats;
  /**
   * Ends the subscriptions, delivers what was sent, ends the driver. What is not delivered in time fails with a
   * SendError that says whether it may be written. Never rejects, but for a bad option.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** How long the driver may take to end its connections. */
const DRIVER_GRACE_MS = 1_000;

/** @throws TypeError or RangeError that names the option and its value; what the driver says of a client it cannot use */
export function createMessaging(options: MessagingOptions): Messaging {
  return new DriverMessaging(options);
}

class DriverMessaging implements Messaging {
  readonly name: string;
  readonly #driver: Driver;
  readonly #clock: Clock;
  readonly #producer: Producer;
  readonly #sender: Sender;
  /** Observers know this object weakly: it must live as long as the messaging. */
  readonly #component: Component;
  readonly #leaveRegistry: () => void;
  readonly #middleware: Middleware[] = [];
  readonly #subscriptions: Subscription[] = [];
  readonly #readers: RetryReader[] = [];
  #isStarted = false;
  #closing: Promise<void> | undefined;

  constructor(options: MessagingOptions) {
    checkKnown('createMessaging', options, ['name', 'driver', 'producer', 'clock']);
    const { name, driver, clock = systemClock } = options;
    checkText('name', name);
    checkDriver(driver);
    checkMethods('clock', clock, ['now', 'wall', 'after']);
    const settings = resolveProducerOptions(options.producer);
    this.name = name;
    this.#driver = driver;
    keepDriver(this, driver);
    this.#clock = clock;
    const parts = { name, options: settings, clock };
    this.#producer = new Producer({ ...parts, driver: driver.producer(settings) });
    this.#sender = new Sender({ ...parts, producer: this.#producer });
    this.#component = { kind: 'messaging', name, stats: () => this.stats() };
    this.#leaveRegistry = announce(this.#component);
  }

  send(topic: AnyTopic, message: unknown, options: SendOptions = {}): Promise<Sent> {
    return this.#sender.send(topic, message, options);
  }

  async sendMany(
    topic: AnyTopic,
    messages: Iterable<unknown>,
    options: SendOptions = {},
  ): Promise<PromiseSettledResult<Sent>[]> {
    if (typeof Object(messages)[Symbol.iterator] !== 'function') {
      throw new TypeError(`messages must be iterable, got ${show(messages)}`);
    }
    // All of them first: when the iterable throws, nothing is under way whose answer nobody gets.
    const all = [...messages];
    return Promise.allSettled(all.map((message) => this.send(topic, message, options)));
  }

  subscribe<Message>(
    topic: Topic<Message, unknown>,
    handler: Handler<Message>,
    options: SubscribeOptions,
  ): Subscription {
    checkTopic(topic);
    const parts = { ...this.#parts(), topic, handler, options };
    return this.#begin(topic, singleSubscription(parts));
  }

  subscribeBatch<Message>(
    topic: Topic<Message, unknown>,
    handler: BatchHandler<Message>,
    options: SubscribeBatchOptions,
  ): Subscription {
    checkTopic(topic);
    const parts = { ...this.#parts(), topic, handler, options };
    return this.#begin(topic, batchSubscription(parts));
  }

  use(middleware: Middleware): void {
    if (typeof middleware !== 'function') {
      throw new TypeError(`middleware must be a function, got ${show(middleware)}`);
    }
    this.#middleware.push(middleware);
  }

  async provision(
    topics: readonly AnyTopic[],
    options: ProvisionOptions = {},
  ): Promise<ProvisionPlan> {
    if (this.#closing) throw new MessagingClosedError(this.name);
    return provision(this.#driver.admin, topics, this.#readers, options);
  }

  async flush(): Promise<void> {
    await this.#sender.idle();
    await this.#producer.flush();
  }

  async start(): Promise<void> {
    if (this.#closing) throw new MessagingClosedError(this.name);
    this.#isStarted = true;
    for (const subscription of this.#subscriptions) subscription.start();
  }

  health(): MessagingHealth {
    const subscriptions = this.#subscriptions.map((subscription) => subscription.health());
    return overallHealth(this.#closing !== undefined, this.#producer.troubles(), subscriptions);
  }

  stats(): MessagingStats {
    const subscriptions = this.#subscriptions.map((subscription) => subscription.stats());
    return { producer: this.#producer.stats(), subscriptions };
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const { timeoutMs } = resolveClose(options);
    this.#closing ??= this.#close(timeoutMs);
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #parts() {
    if (this.#closing) throw new MessagingClosedError(this.name);
    return {
      driver: this.#driver,
      producer: this.#producer,
      clock: this.#clock,
      middleware: this.#middleware,
      closed: (subscription: Subscription) => this.#forget(subscription),
    };
  }

  #begin(topic: AnyTopic, subscription: Subscription): Subscription {
    if (topic.retry.topics) {
      const longest = retryTopic(topic.name, subscription.group, topic.retry.backoffMs.length);
      checkTopicName('group', subscription.group, longest);
    }
    if (this.#isStarted) subscription.start();
    this.#subscriptions.push(subscription);
    this.#readers.push({ topic, group: subscription.group });
    return subscription;
  }

  /** What was closed alone is of no interest any more; what is closed with us still shows what it did. */
  #forget(subscription: Subscription): void {
    if (this.#closing) return;
    const index = this.#subscriptions.indexOf(subscription);
    if (index === -1) return;
    this.#subscriptions.splice(index, 1);
    this.#readers.splice(index, 1);
  }

  async #close(timeoutMs: number): Promise<void> {
    const endMs = this.#clock.now() + timeoutMs;
    const leftMs = () => Math.max(0, Math.ceil(endMs - this.#clock.now()));
    // Handlers that end may still send.
    await Promise.all(
      this.#subscriptions.map((subscription) => subscription.close({ timeoutMs: leftMs() })),
    );
    await settledWithin(this.#clock, leftMs(), this.#sender.idle());
    await this.#producer.close(leftMs());
    await settledWithin(this.#clock, DRIVER_GRACE_MS, (async () => this.#driver.close())());
    this.#leaveRegistry();
  }
}

/** A client is no driver, and looks much like one. */
function checkDriver(driver: unknown): void {
  const isDriver = typeof Object(driver).admin === 'object';
  if (!isDriver) {
    const like = 'e.g. kafkajs(new Kafka({ ... })) or memory()';
    throw new TypeError(`driver must be a driver, ${like}, got ${show(driver)}`);
  }
  checkMethods('driver', driver, ['producer', 'consumer', 'close']);
}
