import { type Clock, systemClock } from '../clock.ts';
import { restored } from '../consuming/letters.ts';
import type { Driver, Position } from '../driver.ts';
import { Producer } from '../producing/producer.ts';
import { resolveProducerOptions } from '../producing/producer-options.ts';
import { deadLetterTopic } from '../topics/topic.ts';
import { type DeadLetter, replayGroup, type Waiting, waiting } from './dead-letters.ts';

/** What `replayDeadLetters` takes. */
export interface ReplayOptions {
  /** How many at most. Default: all that lie there when it begins. */
  readonly limit?: number;
  /** Says what would be sent and sends nothing. Default false. */
  readonly dryRun?: boolean;
  /** Called for each letter, once it was sent again and that is remembered. Default: nobody. */
  readonly onReplayed?: (letter: DeadLetter, sentTo: string) => void;
  /** Ends with the letters that are under way, and remembers these. Default: none. */
  readonly signal?: AbortSignal;
  /** For tests. Default: the system's. */
  readonly clock?: Clock;
}

/** As long as the other questions to the cluster. */
const DELIVERY_TIMEOUT_MS = 30_000;

/**
 * Sends dead letters to the topic that they were first sent to, with their bytes, their key and their own
 * headers; every group of that topic gets them again. Where it stands is kept as the committed offset of a
 * group: a later call goes on after the last one before which all were acknowledged, and when the process dies
 * or one fails, a hundred at most are sent twice. Letters that come while it runs are left for the next call.
 * Two calls at once would send everything twice.
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
  const { onReplayed = () => undefined, signal } = options;
  const producer = dryRun ? undefined : producerOf(driver, clock);
  let count = 0;
  try {
    for await (const together of waiting(driver, topic)) {
      if (count >= limit || signal?.aborted) break;
      const some = together.slice(0, limit - count);
      const { sent, failure } = producer
        ? await sendAgain({ driver, producer, topic, clock }, some)
        : { sent: some };
      count += sent.length;
      for (const { letter, to } of sent) onReplayed(letter, to);
      if (failure) throw failure.reason;
    }
  } finally {
    await producer?.close(0);
  }
  return count;
}

/** What became of letters that were sent at once. */
interface SentAgain {
  /** Those before which none failed. */
  readonly sent: readonly Waiting[];
  readonly failure?: PromiseRejectedResult | undefined;
}

interface Parts {
  readonly driver: Driver;
  readonly producer: Producer;
  /** The one whose letters they are. */
  readonly topic: string;
  readonly clock: Clock;
}

async function sendAgain(
  { driver, producer, topic, clock }: Parts,
  letters: readonly Waiting[],
): Promise<SentAgain> {
  const answers = await Promise.allSettled(
    letters.map(({ record, to }) => producer.write(to, restored(record, clock.wall()))),
  );
  const failure = answers.find((answer) => answer.status === 'rejected');
  const sent = failure ? letters.slice(0, answers.indexOf(failure)) : letters;
  const last = sent.at(-1);
  if (last) await driver.admin.setCommitted(replayGroup(topic), [after(topic, last.letter)]);
  return { sent, failure };
}

function producerOf(driver: Driver, clock: Clock): Producer {
  const options = resolveProducerOptions({
    deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
    queue: { whenFull: 'wait' },
  });
  const { compression, maxBatchBytes } = options;
  const writer = driver.producer({ compression, maxBatchBytes });
  return new Producer({ name: 'shopgpt-messaging', driver: writer, options, clock });
}

function after(topic: string, { partition, offset }: DeadLetter): Position {
  return { topic: deadLetterTopic(topic), partition, offset: offset + 1 };
}
