import type { Driver, Position } from '../driver.ts';
import { UnknownTopicError } from '../errors.ts';
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

/** How many letters are sent at once, and so how many may be sent twice when the process dies. */
const TOGETHER = 100;

/**
 * The dead letters of a topic that were not replayed yet, partition by partition, the oldest first; read as they
 * are asked for.
 *
 * @param topic the topic that they were sent to, without `.dlq`
 * @throws UnknownTopicError; DriverError
 */
export async function* listDeadLetters(
  driver: Driver,
  topic: string,
): AsyncGenerator<DeadLetter, void> {
  for await (const together of waiting(driver, topic)) {
    for (const { letter } of together) yield letter;
  }
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

/** The group that remembers how far the dead letters of a topic were replayed. */
export function replayGroup(topic: string): string {
  return `shopgpt-messaging.replay.${deadLetterTopic(topic)}`;
}

/** A dead letter that is to be replayed. */
export interface Waiting {
  readonly letter: DeadLetter;
  readonly record: StoredRecord;
  /** The topic that it is for. */
  readonly to: string;
}

/** What lies there now and was not replayed: some of one partition at a time. */
export async function* waiting(
  driver: Driver,
  topic: string,
): AsyncGenerator<readonly Waiting[], void> {
  const { admin } = driver;
  const name = deadLetterTopic(topic);
  const ends = await endsOf(driver, name);
  const starts = await admin.offsets(name, 'earliest');
  const committed = await admin.committed(replayGroup(topic), name);
  for (const [partition, end] of ends.entries()) {
    const begin = Math.max(starts[partition] ?? 0, committed[partition] ?? 0);
    for await (const records of between(driver, { topic: name, partition, offset: begin }, end)) {
      yield records.map((record) => {
        const letter = letterOf(partition, record);
        return { letter, record, to: letter.original.topic ?? topic };
      });
    }
  }
}

async function* between(
  { admin }: Driver,
  { topic, partition, offset: begin }: Position,
  end: number,
): AsyncGenerator<readonly StoredRecord[], void> {
  let offset = begin;
  while (offset < end) {
    const read = await admin.read({ topic, partition, offset });
    const records = read.filter((record) => record.offset < end);
    for (let i = 0; i < records.length; i += TOGETHER) yield records.slice(i, i + TOGETHER);
    const last = records.at(-1);
    if (!last) return;
    offset = last.offset + 1;
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
