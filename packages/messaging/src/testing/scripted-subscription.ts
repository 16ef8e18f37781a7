import { z } from 'zod';
import type { BatchHandler, Handler } from '../consuming/handlers.ts';
import type { Middleware } from '../consuming/middleware.ts';
import type { SubscribeBatchOptions, SubscribeOptions } from '../consuming/subscribe-options.ts';
import {
  batchSubscription,
  type Subscription,
  singleSubscription,
} from '../consuming/subscription.ts';
import type { StoredRecord } from '../record.ts';
import { defineTopic, type Topic, type TopicRetry } from '../topics/topic.ts';
import { type ManualClock, manualClock } from './manual-clock.ts';
import { ScriptedDriver, ScriptedWriter, textRecord } from './scripted-driver.ts';

interface TopicSetup {
  readonly retry?: TopicRetry;
  readonly deadLetter?: boolean;
  readonly middleware?: readonly Middleware[];
}

/** A subscription of the group `g` to the topic `t`, whose messages are texts, over a scripted consumer. */
export interface Scripted {
  readonly clock: ManualClock;
  readonly driver: ScriptedDriver;
  readonly producer: ScriptedWriter;
  readonly subscription: Subscription;
  /** Starts it, and gives it partition 0. */
  start(): Promise<void>;
  /** Records of partition 0, as `key:text`; without a key when there is no colon. Offsets go on. */
  deliver(...messages: readonly string[]): Promise<void>;
}

/** Partition 0 of the topic. */
export const p0 = { topic: 't', partition: 0 };

export function scripted(
  handler: Handler<string>,
  options: TopicSetup & Partial<SubscribeOptions> = {},
): Scripted {
  const { parts, subscribe } = setup(options);
  return scriptedBy(
    parts,
    singleSubscription({ ...parts, handler, options: { group: 'g', ...subscribe } }),
  );
}

export function scriptedBatches(
  handler: BatchHandler<string>,
  options: TopicSetup & Partial<SubscribeBatchOptions> = {},
): Scripted {
  const { parts, subscribe } = setup(options);
  return scriptedBy(
    parts,
    batchSubscription({ ...parts, handler, options: { group: 'g', ...subscribe } }),
  );
}

function setup<Options>({ retry, deadLetter, middleware, ...subscribe }: TopicSetup & Options) {
  const topic: Topic<string> = defineTopic({
    name: 't',
    partitions: 1,
    schema: z.string(),
    ...(retry && { retry }),
    ...(deadLetter !== undefined && { deadLetter }),
  });
  const parts = {
    clock: manualClock(),
    driver: new ScriptedDriver(),
    producer: new ScriptedWriter(),
    topic,
    middleware: middleware ?? [],
    random: () => 1,
  };
  return { parts, subscribe };
}

type Parts = Pick<Scripted, 'clock' | 'driver' | 'producer'>;

function scriptedBy({ clock, driver, producer }: Parts, subscription: Subscription): Scripted {
  let next = 0;
  const records = (messages: readonly string[]): StoredRecord[] =>
    messages.map((message) => {
      const [key, text] = message.includes(':') ? message.split(':') : [undefined, message];
      return textRecord(next++, key, JSON.stringify(text));
    });
  return {
    clock,
    driver,
    producer,
    subscription,
    async start() {
      subscription.start();
      await clock.pass(0);
      driver.current.assign(p0);
    },
    async deliver(...messages) {
      driver.current.deliver(p0, records(messages));
      await clock.pass(0);
    },
  };
}

/** A handler whose calls end when the test says so. */
export class HeldHandler {
  readonly begun: string[] = [];
  readonly signals: AbortSignal[] = [];
  readonly #open = new Map<string, PromiseWithResolvers<void>>();

  readonly handle: Handler<string> = (message, ctx) => {
    this.begun.push(message);
    this.signals.push(ctx.signal);
    const call = Promise.withResolvers<void>();
    this.#open.set(message, call);
    return call.promise;
  };

  end(message: string): void {
    this.#open.get(message)?.resolve();
  }

  fail(message: string, error: unknown): void {
    this.#open.get(message)?.reject(error);
  }
}
