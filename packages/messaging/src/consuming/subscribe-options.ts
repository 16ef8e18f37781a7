import { checkCount, checkKnown, checkMs, checkOneOf, checkText, show } from '../check.ts';
import type { Classify } from './failures.ts';
import type { Order } from './lanes.ts';

/** Where a group begins. */
export type From =
  | 'earliest'
  | 'latest'
  /** The first message of that time (in ms since 1970) or later, in each partition. */
  | { readonly timestamp: number }
  /** By partition. One that is not named: a new group begins at its first message, a replay leaves it alone. */
  | { readonly offsets: Readonly<Record<number, number>> };

/** What single messages and batches have in common. */
interface CommonOptions {
  /** The consumers that share the messages between them. */
  readonly group: string;
  /**
   * How long (ms) a call of the handler may take; then its signal aborts, and the call counts as failed,
   * whatever it gives later. Its key waits until it has ended, for no key is handled twice at once.
   * `Infinity` for no limit. Default 30,000.
   */
  readonly timeoutMs?: number;
  /**
   * Where the group begins when it has read nothing of the topic yet. Default `'earliest'`; anything else can
   * only be set while the group has no members, so it needs a group that reads this topic alone.
   */
  readonly from?: From;
  /**
   * Says what an error of the handler means: `'retryable'`, `'poison'` or `'fatal'`; undefined leaves it to
   * the error's class. Default: what is no `PoisonError`, `SchemaError` or `FatalError` is retryable.
   */
  readonly classify?: Classify;
  /** How much of each partition may be in the process before it is paused; one answer of the broker may exceed it. */
  readonly buffer?: {
    /** Records that are not handled yet. Default 2,000. */
    readonly maxRecords?: number;
    /** Their bytes. Default 4 MiB. */
    readonly maxBytes?: number;
  };
  /**
   * How many records of a partition may come again when the process dies: a message that takes long lets so
   * many others be handled before it, then its partition waits. Default 10,000.
   */
  readonly maxUncommitted?: number;
  /** How long after a message was handled that is committed, in ms, at most. Default 1,000. */
  readonly commitIntervalMs?: number;
  /** After how long a silence (ms) the group takes this member for dead. Default 30,000. */
  readonly sessionTimeoutMs?: number;
  /** How long (ms) handlers may take to end when partitions move to another member. Default 60,000. */
  readonly rebalanceTimeoutMs?: number;
}

/** What `subscribe` takes beside the topic and the handler. */
export interface SubscribeOptions extends CommonOptions {
  /**
   * Which messages wait for each other. `'key'` (the default): those of the same key; messages without a key
   * wait for none. `'partition'`: all of a partition. `'none'`: none.
   */
  readonly order?: Order;
  /** How many messages are with the handler at once, of all partitions. Default 16. */
  readonly concurrency?: number;
}

/** What `subscribeBatch` takes beside the topic and the handler. */
export interface SubscribeBatchOptions extends CommonOptions {
  /** Messages in a batch at most; all are of one partition. Default 100. */
  readonly maxSize?: number;
  /** How long (ms) the first message of a batch waits for others at most. Default 100. */
  readonly maxWaitMs?: number;
  /** How many batches are with the handler at once, each of another partition. Default 4. */
  readonly concurrency?: number;
}

/** Both kinds, with every default in its place. */
export interface SubscriptionSettings extends Required<Omit<CommonOptions, 'classify' | 'buffer'>> {
  readonly classify: Classify | undefined;
  readonly order: Order;
  readonly concurrency: number;
  readonly maxSize: number;
  readonly maxWaitMs: number;
  readonly maxRecords: number;
  readonly maxBytes: number;
}

const common = [
  'group',
  'timeoutMs',
  'from',
  'classify',
  'buffer',
  'maxUncommitted',
  'commitIntervalMs',
  'sessionTimeoutMs',
  'rebalanceTimeoutMs',
  'concurrency',
];

/** @throws TypeError or RangeError that names the option and its value */
export function resolveSubscribe(options: SubscribeOptions): SubscriptionSettings {
  checkKnown('subscribe', options, [...common, 'order']);
  const { order = 'key', concurrency = 16 } = options;
  checkOneOf('order', order, ['key', 'partition', 'none']);
  return resolve(options, { order, concurrency, maxSize: 1, maxWaitMs: 0 });
}

/** @throws TypeError or RangeError that names the option and its value */
export function resolveSubscribeBatch(options: SubscribeBatchOptions): SubscriptionSettings {
  checkKnown('subscribeBatch', options, [...common, 'maxSize', 'maxWaitMs']);
  const { maxSize = 100, maxWaitMs = 100, concurrency = 4 } = options;
  checkCount('maxSize', maxSize);
  checkMs('maxWaitMs', maxWaitMs, 0);
  return resolve(options, { order: 'partition', concurrency, maxSize, maxWaitMs });
}

type Shape = Pick<SubscriptionSettings, 'order' | 'concurrency' | 'maxSize' | 'maxWaitMs'>;

function resolve(options: CommonOptions, shape: Shape): SubscriptionSettings {
  const { group, timeoutMs = 30_000, from = 'earliest', classify, buffer = {} } = options;
  const { maxUncommitted = 10_000, commitIntervalMs = 1_000 } = options;
  const { sessionTimeoutMs = 30_000, rebalanceTimeoutMs = 60_000 } = options;
  checkKnown('buffer', buffer, ['maxRecords', 'maxBytes']);
  const { maxRecords = 2_000, maxBytes = 4 * 1024 * 1024 } = buffer;
  checkText('group', group);
  checkFrom(from);
  if (classify !== undefined && typeof classify !== 'function') {
    throw new TypeError(`classify must be a function, got ${show(classify)}`);
  }
  if (timeoutMs !== Number.POSITIVE_INFINITY) checkMs('timeoutMs', timeoutMs, 1);
  checkCount('concurrency', shape.concurrency);
  checkCount('buffer.maxRecords', maxRecords);
  checkCount('buffer.maxBytes', maxBytes);
  checkCount('maxUncommitted', maxUncommitted);
  checkMs('commitIntervalMs', commitIntervalMs, 1);
  checkMs('sessionTimeoutMs', sessionTimeoutMs, 1);
  checkMs('rebalanceTimeoutMs', rebalanceTimeoutMs, 1);
  const limits = { maxRecords, maxBytes, maxUncommitted };
  const times = { timeoutMs, commitIntervalMs, sessionTimeoutMs, rebalanceTimeoutMs };
  return { group, from, classify, ...shape, ...limits, ...times };
}

/** @throws TypeError or RangeError that says what `from` may be */
export function checkFrom(from: unknown): asserts from is From {
  if (from === 'earliest' || from === 'latest') return;
  const { timestamp, offsets } = Object(from) as { timestamp?: unknown; offsets?: unknown };
  if (timestamp !== undefined) {
    checkKnown('from', from, ['timestamp']);
    checkOffset('from.timestamp', timestamp);
  } else if (typeof offsets === 'object' && offsets !== null) {
    checkKnown('from', from, ['offsets']);
    for (const [partition, offset] of Object.entries(offsets)) {
      if (!/^\d+$/.test(partition)) {
        throw new RangeError(`from.offsets must be by partition, got ${show(partition)}`);
      }
      checkOffset(`from.offsets[${partition}]`, offset);
    }
  } else {
    const what = "'earliest', 'latest', { timestamp } or { offsets }";
    throw new TypeError(`from must be ${what}, got ${show(from)}`);
  }
}

function checkOffset(name: string, value: unknown): void {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return;
  throw new RangeError(`${name} must be a whole number from 0 up, got ${show(value)}`);
}
