import { type Clock, systemClock } from '../clock.ts';
import { restored } from '../consuming/letters.ts';
import type { Driver, Position } from '../driver.ts';
import { UnknownTopicError } from '../errors.ts';
import { Producer } from '../producing/producer.ts';
import { resolveProducerOptions } from '../producing/producer-options.ts';
import type { RawHeader, StoredRecord } from '../record.ts';
import { headerNames, headerNumber, headerText } from '../topics/headers.ts';
import { deadLetterTopic } from '../topics/topic.ts';

/** A message that no attempt could handle, and what is known of it. */
export interface DeadLetter {
  /** Where it lies in the dead-letter topic. */
  readonly partition: number;
  readonly offset: number;
  /** When it was put there, in ms since 1970. */
  readonly timestamp: number;
  readonly key: string | null;
  /** Its own and those that say why it is here. */
  readonly headers: readonly RawHeader[];
  readonly value: Uint8Array | null;
  /** Where it was sent to; undefined when nobody says so. */
  readonly original: {
    readonly topic: string | undefined;
    readonly partition: number | undefined;
    readonly offset: number | undefined;
    /** When it was sent, in ms since 1970. */
    readonly timestamp: number | undefined;
  };
  /** The group whose handler failed, how often, and with which error at last. */
  readonly group: string | undefined;
  readonly attempts: number | undefined;
  readonly error: {
    readonly name: string | undefined;
    readonly message: string | undefined;
    readonly code: string | undefined;
  };
}

/** What `replayDeadLetters` takes. */
export interface ReplayOptions {
  /** How many at most. Default: all that lie there when it begins. */
  readonly limit?: number;
  /** Says what would be sent and sends nothing. Default false. */
  readonly dryRun?: boolean;
  /** Called for each letter, once it was sent again. */
  readonly onReplayed?: (letter: DeadLetter, sentTo: string) => void;
  readonly clock?: Clock;
}

/**
 * The dead letters of a topic that were not replayed yet, partition by partition, the oldest first.
 *
 * @param topic the topic that they were sent to, without `.dlq`
 * @throws UnknownTopicError; DriverError
 */
export async function listDeadLetters(
  driver: Driver,
  topic: string,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for await (const { letter } of waiting(driver, topic)) {
    if (letters.length >= limit) break;
    letters.push(letter);
  }
  return letters;
}

/**
 * One dead letter, replayed or not; undefined when there is none.
 *
 * @throws UnknownTopicError; DriverError
 */
export async function showDeadLetter(
  driver: Driver,
  topic: string,
  partition: number,
  offset: number,
): Promise<DeadLetter | undefined> {
  const at = { topic: deadLetterTopic(topic), partition, offset };
  const count = (await endsOf(driver, at.topic)).length;
  if (partition >= count) return undefined;
  const record = (await driver.admin.read(at)).find((one) => one.offset === offset);
  return record && letterOf(partition, record);
}

/**
 * Sends dead letters to the topic that they were first sent to, with their bytes, their key and their own
 * headers; every group of that topic gets them again. Where it stands is kept as the committed offset of a
 * group: a later call goes on after the last one that was acknowledged, and when the process dies, one
 * message at most is sent twice. Letters that come while it runs are left for the next call. Two calls at
 * once would send everything twice.
 *
 * @returns how many were sent, or would be
 * @throws SendError; UnknownTopicError; DriverError
 */
export async function replayDeadLetters(
  driver: Driver,
  topic: string,
  options: ReplayOptions = {},
): Promise<number> {
  const { limit = Number.POSITIVE_INFINITY, dryRun = false, clock = systemClock } = options;
  const { onReplayed = () => undefined } = options;
  const producer = dryRun ? undefined : producerOf(driver, clock);
  let count = 0;
  try {
    for await (const { letter, record } of waiting(driver, topic)) {
      if (count >= limit) break;
      const to = letter.original.topic ?? topic;
      if (producer) {
        await producer.write(to, restored(record, clock.wall()));
        await driver.admin.setCommitted(replayGroup(topic), [after(topic, letter)]);
      }
      count += 1;
      onReplayed(letter, to);
    }
  } finally {
    await producer?.close(0);
  }
  return count;
}

/** The group that remembers how far the dead letters of a topic were replayed. */
export function replayGroup(topic: string): string {
  return `shopgpt-messaging.replay.${deadLetterTopic(topic)}`;
}

function producerOf(driver: Driver, clock: Clock): Producer {
  const options = resolveProducerOptions();
  const { compression, maxBatchBytes } = options;
  const writer = driver.producer({ compression, maxBatchBytes });
  return new Producer({ name: 'shopgpt-messaging', driver: writer, options, clock });
}

function after(topic: string, { partition, offset }: DeadLetter): Position {
  return { topic: deadLetterTopic(topic), partition, offset: offset + 1 };
}

interface Waiting {
  readonly letter: DeadLetter;
  readonly record: StoredRecord;
}

/** What lies there now and was not replayed. */
async function* waiting(driver: Driver, topic: string): AsyncGenerator<Waiting, void> {
  const { admin } = driver;
  const name = deadLetterTopic(topic);
  const ends = await endsOf(driver, name);
  const starts = await admin.offsets(name, 'earliest');
  const committed = await admin.committed(replayGroup(topic), name);
  for (const [partition, end] of ends.entries()) {
    const begin = Math.max(starts[partition] ?? 0, committed[partition] ?? 0);
    yield* between(driver, { topic: name, partition, offset: begin }, end);
  }
}

async function* between(
  { admin }: Driver,
  { topic, partition, offset: begin }: Position,
  end: number,
): AsyncGenerator<Waiting, void> {
  let offset = begin;
  while (offset < end) {
    const records = await admin.read({ topic, partition, offset });
    if (records.length === 0) return;
    for (const record of records) {
      if (record.offset >= end) return;
      yield { letter: letterOf(partition, record), record };
      offset = record.offset + 1;
    }
  }
}

/** @throws UnknownTopicError */
async function endsOf(driver: Driver, topic: string): Promise<readonly number[]> {
  const [known] = await driver.admin.describe([topic]);
  if (!known) throw new UnknownTopicError(topic);
  return driver.admin.offsets(topic, 'latest');
}

function letterOf(partition: number, record: StoredRecord): DeadLetter {
  const { offset, timestamp, key, value, headers } = record;
  const text = (name: string) => headerText(headers, name);
  const number = (name: string) => headerNumber(headers, name);
  return {
    partition,
    offset,
    timestamp,
    key: key && Buffer.from(key).toString(),
    headers,
    value,
    original: {
      topic: text(headerNames.originalTopic),
      partition: number(headerNames.originalPartition),
      offset: number(headerNames.originalOffset),
      timestamp: number(headerNames.originalTimestamp),
    },
    group: text(headerNames.group),
    attempts: number(headerNames.attempts),
    error: {
      name: text(headerNames.errorName),
      message: text(headerNames.errorMessage),
      code: text(headerNames.errorCode),
    },
  };
}
