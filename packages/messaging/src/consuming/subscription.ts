import { show } from '../check.ts';
import { type Clock, settledWithin } from '../clock.ts';
import { type CloseOptions, resolveClose } from '../close-options.ts';
import type { Driver, DriverConsumer, Position } from '../driver.ts';
import type { RawRecord } from '../record.ts';
import { type AnyTopic, retryTopic, type Topic } from '../topics/topic.ts';
import { reasonOf } from './failures.ts';
import { type BatchHandler, batchCall, type Handler, singleCall } from './handlers.ts';
import { type Call, Handling, type HandlingCounters } from './handling.ts';
import type { Middleware } from './middleware.ts';
import { beginAt, replayPositions } from './replay.ts';
import { Session } from './session.ts';
import {
  checkFrom,
  type From,
  resolveSubscribe,
  resolveSubscribeBatch,
  type SubscribeBatchOptions,
  type SubscribeOptions,
  type SubscriptionSettings,
} from './subscribe-options.ts';
import { Supervisor } from './supervisor.ts';
import { Troubles } from './troubles.ts';

/** What every subscription is made of. */
interface CommonParts {
  readonly driver: Driver;
  /** Writes retries and dead letters. */
  readonly producer: { write(topic: string, record: RawRecord): Promise<unknown> };
  readonly clock: Clock;
  /** Told when it was closed for good. */
  readonly closed?: (subscription: Subscription) => void;
  /** For the jitter of pauses; default `Math.random`. */
  readonly random?: () => number;
}

/** What a subscription to a topic is made of. */
export interface SubscriptionParts<Message, Handle, Options> extends CommonParts {
  readonly topic: Topic<Message, unknown>;
  readonly handler: Handle;
  readonly options: Options;
  /** Read anew for each call of the handler, so that it may still grow. */
  readonly middleware: readonly Middleware[];
}

/** @throws TypeError or RangeError that names the option and its value */
export function singleSubscription<Message>(
  parts: SubscriptionParts<Message, Handler<Message>, SubscribeOptions>,
): Subscription {
  const { topic, middleware, handler } = parts;
  const settings = resolveSubscribe(parts.options);
  checkHandler(handler);
  const call = singleCall({ topic, middleware, group: settings.group }, handler);
  return new Subscription({ ...parts, settings, call });
}

/** @throws TypeError or RangeError that names the option and its value */
export function batchSubscription<Message>(
  parts: SubscriptionParts<Message, BatchHandler<Message>, SubscribeBatchOptions>,
): Subscription {
  const { topic, middleware, handler } = parts;
  const settings = resolveSubscribeBatch(parts.options);
  checkHandler(handler);
  const call = batchCall({ topic, middleware, group: settings.group }, handler);
  return new Subscription({ ...parts, settings, call });
}

function checkHandler(handler: unknown): void {
  if (typeof handler === 'function') return;
  throw new TypeError(`handler must be a function, got ${show(handler)}`);
}

interface Parts extends CommonParts {
  readonly topic: AnyTopic;
  readonly settings: SubscriptionSettings;
  readonly call: Call;
}

/** How a subscription does. */
export interface SubscriptionHealth {
  /**
   * `starting`: no partition was given to it yet. `degraded`: something is wrong that it goes on trying to
   * overcome. `down`: it was stopped, or a handler threw a `FatalError`.
   */
  readonly status: 'up' | 'starting' | 'degraded' | 'down';
  readonly topic: string;
  readonly group: string;
  /** What is wrong, in words. */
  readonly reasons: readonly string[];
}

/** Counters that only grow, and what is so now. */
export interface SubscriptionStats extends Readonly<HandlingCounters> {
  readonly topic: string;
  readonly group: string;
  /** Handlers that run. */
  readonly running: number;
  /** Messages that were read and are not handled, and their bytes. */
  readonly buffered: number;
  readonly bufferedBytes: number;
  /** Partitions held, and those of them that are paused. */
  readonly partitions: number;
  readonly paused: number;
  /** Messages of the partitions held that are not handled, whether read or not. */
  readonly lag: number;
  /** How long ago the oldest message was sent that was read and is not handled, in ms; 0 when there is none. */
  readonly oldestAgeMs: number;
  /** How often the consumer ended by itself and was started again. */
  readonly crashes: number;
}

/** Reads a topic for a group until it is stopped, whatever happens to the consumer under it. */
export class Subscription implements AsyncDisposable {
  readonly #parts: Parts;
  readonly #troubles = new Troubles();
  readonly #handling: Handling;
  readonly #supervisor: Supervisor;
  #first: DriverConsumer | undefined;
  #session: Session | undefined;
  #state: 'new' | 'starting' | 'up' | 'stopped' = 'new';
  #fatal: string | undefined;
  #stopping: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { topic, settings, clock, call, producer, random = Math.random } = parts;
    this.#handling = new Handling({
      topic: topic.name,
      group: settings.group,
      lanes: settings,
      timeoutMs: settings.timeoutMs,
      policy: { ...topic.retry, deadLetter: topic.deadLetter, classify: settings.classify },
      clock,
      troubles: this.#troubles,
      random,
      call,
      write: (to, record) => producer.write(to, record),
      fatal: (error) => this.#fail(error),
    });
    const live = () => this.#live();
    this.#supervisor = new Supervisor({ live, clock, random, troubles: this.#troubles });
  }

  get group(): string {
    return this.#parts.settings.group;
  }

  /** The topics that it reads: its own, and its retry topics. */
  get topics(): readonly string[] {
    const { topic, settings } = this.#parts;
    const { topics, backoffMs } = topic.retry;
    const steps = topics ? backoffMs.keys() : [];
    return [topic.name, ...Array.from(steps, (i) => retryTopic(topic.name, settings.group, i + 1))];
  }

  /**
   * Begins to read; does not wait for the cluster.
   *
   * @throws what the driver says of options or a client that it can do nothing with
   */
  start(): void {
    if (this.#state !== 'new') return;
    this.#first = this.#consumer();
    this.#state = 'starting';
    this.#supervisor.start();
  }

  /**
   * Leaves the group: what is under way has so long to end, then its signals abort; what is handled is
   * committed. Never rejects, but for a bad option, and takes no longer.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { timeoutMs } = resolveClose(options);
    await this.#end(timeoutMs);
    this.#parts.closed?.(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Handles messages again (or skips some): the partitions that this member holds are read from there on, as
   * soon as their offsets are known; with `{ offsets }`, those that it names. In a group of several members,
   * each is to be told.
   *
   * @returns where it began; nothing when it holds no partition now
   * @throws DriverError when the offsets cannot be asked for; TypeError or RangeError for what is no place
   */
  async replay(from: From): Promise<readonly Position[]> {
    checkFrom(from);
    const { driver, topic } = this.#parts;
    const positions = await replayPositions(driver.admin, topic.name, from);
    return this.#session?.seek(positions) ?? [];
  }

  health(): SubscriptionHealth {
    const { topic, settings } = this.#parts;
    const reasons = this.#troubles.reasons();
    if (this.#fatal !== undefined) reasons.unshift(this.#fatal);
    return { status: this.#status(), topic: topic.name, group: settings.group, reasons };
  }

  stats(): SubscriptionStats {
    const { topic, settings, clock } = this.#parts;
    const held = [...(this.#session?.held ?? [])];
    const sum = (count: (one: (typeof held)[number]) => number) =>
      held.reduce((total, one) => total + count(one), 0);
    const oldest = Math.min(
      ...held.map((one) => one.watermark.oldest?.record.timestamp ?? Infinity),
    );
    return {
      topic: topic.name,
      group: settings.group,
      ...this.#handling.counters,
      running: this.#handling.lanes.running,
      buffered: sum((one) => one.unfinished),
      bufferedBytes: sum((one) => one.bytes),
      partitions: held.length,
      paused: sum((one) => Number(one.isPaused)),
      lag: sum((one) => one.lag),
      oldestAgeMs: oldest === Infinity ? 0 : Math.max(0, clock.wall() - oldest),
      crashes: this.#supervisor.crashes,
    };
  }

  #status(): SubscriptionHealth['status'] {
    if (this.#fatal !== undefined || this.#state === 'stopped') return 'down';
    if (this.#troubles.count > 0) return 'degraded';
    return this.#state === 'up' ? 'up' : 'starting';
  }

  async #live(): Promise<void> {
    const { driver, topic, settings, clock, random = Math.random } = this.#parts;
    await beginAt(driver.admin, settings.group, topic.name, settings.from);
    if (this.#stopping) return;
    const consumer = this.#first ?? this.#consumer();
    this.#first = undefined;
    this.#session = new Session({
      consumer,
      handling: this.#handling,
      topic: topic.name,
      clock,
      limits: settings,
      longestRetryMs: Math.max(...topic.retry.backoffMs),
      commitIntervalMs: settings.commitIntervalMs,
      rebalanceTimeoutMs: settings.rebalanceTimeoutMs,
      troubles: this.#troubles,
      random,
      assigned: () => this.#assigned(),
    });
    await this.#session.run();
  }

  #consumer(): DriverConsumer {
    const { driver, settings } = this.#parts;
    const { group, sessionTimeoutMs, rebalanceTimeoutMs } = settings;
    const times = { sessionTimeoutMs, rebalanceTimeoutMs };
    // Where the group begins is committed before; a partition without an offset is new.
    return driver.consumer({ group, topics: this.topics, from: 'earliest', ...times });
  }

  #assigned(): void {
    if (this.#state === 'starting') this.#state = 'up';
    this.#supervisor.isWell();
  }

  #fail(error: unknown): void {
    this.#fatal ??= `a handler threw a fatal error: ${reasonOf(error)}`;
    void this.#end(this.#parts.settings.rebalanceTimeoutMs);
  }

  #end(timeoutMs: number): Promise<void> {
    this.#stopping ??= this.#stop(timeoutMs);
    return this.#stopping;
  }

  async #stop(timeoutMs: number): Promise<void> {
    await settledWithin(this.#parts.clock, timeoutMs, this.#leave(timeoutMs));
    this.#session?.end();
    this.#handling.stop();
    this.#state = 'stopped';
  }

  async #leave(timeoutMs: number): Promise<void> {
    const ended = this.#supervisor.stop();
    try {
      await this.#session?.stop(timeoutMs);
    } catch (error) {
      this.#troubles.set('stop', `leaving the group failed: ${reasonOf(error)}`);
    }
    await ended;
  }
}
