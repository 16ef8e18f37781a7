import { checkCount, checkKnown, checkMs, checkOneOf } from '../check.ts';
import type { Compression } from '../driver.ts';

/** What may wait to be written. */
export interface SendQueueOptions {
  /** How many messages at most, of all topics, those in flight included. Default 100,000. */
  readonly max?: number;
  /** How many bytes they may take. Default 67,108,864 (64 MiB). */
  readonly maxBytes?: number;
  /**
   * `'reject'` (the default): a message without room rejects at once with `QueueFullError`.
   *
   * `'wait'`: it waits for room, first come, first served. The number of your callers is then the only
   * bound, so use it where each of them awaits its `send`.
   */
  readonly whenFull?: 'reject' | 'wait';
}

/** How messages are written. */
export interface ProducerOptions {
  /** How long the first message of a batch waits for company, in ms. Default 0: to the end of the current tick. */
  readonly lingerMs?: number;
  /**
   * The largest batch of one partition, in bytes before compression, and so the largest message; the
   * topic's `max.message.bytes` must have room for it. Default 900,000.
   */
  readonly maxBatchBytes?: number;
  /** How batches are compressed. Default `'none'`. */
  readonly compression?: Compression;
  /**
   * When a message is given up, in ms from `send`, wherever it is by then, an asynchronous schema included;
   * one that is just being written may take one request longer. Default 120,000.
   */
  readonly deliveryTimeoutMs?: number;
  /** What may wait to be written. Default: what each of its options says. */
  readonly queue?: SendQueueOptions;
}

/** The options with every default in its place. */
export interface ResolvedProducerOptions extends Required<Omit<ProducerOptions, 'queue'>> {
  readonly queue: Required<SendQueueOptions>;
}

const known = ['lingerMs', 'maxBatchBytes', 'compression', 'deliveryTimeoutMs', 'queue'];
const compressions: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** @throws RangeError or TypeError that names the option and its value */
export function resolveProducerOptions(options: ProducerOptions = {}): ResolvedProducerOptions {
  checkKnown('producer', options, known);
  const { lingerMs = 0, maxBatchBytes = 900_000, compression = 'none' } = options;
  const { deliveryTimeoutMs = 120_000, queue = {} } = options;
  checkKnown('producer.queue', queue, ['max', 'maxBytes', 'whenFull']);
  const { max = 100_000, maxBytes = 64 * 1024 * 1024, whenFull = 'reject' } = queue;
  const resolved = { lingerMs, maxBatchBytes, compression, deliveryTimeoutMs };
  checkMs('producer.lingerMs', lingerMs, 0);
  checkMs('producer.deliveryTimeoutMs', deliveryTimeoutMs, 1);
  checkCount('producer.maxBatchBytes', maxBatchBytes);
  checkOneOf('producer.compression', compression, compressions);
  checkCount('producer.queue.max', max);
  checkCount('producer.queue.maxBytes', maxBytes);
  checkOneOf('producer.queue.whenFull', whenFull, ['reject', 'wait']);
  if (maxBytes < maxBatchBytes) {
    throw new RangeError(
      `producer.queue.maxBytes must be at least maxBatchBytes ${maxBatchBytes}, got ${maxBytes}`,
    );
  }
  return { ...resolved, queue: { max, maxBytes, whenFull } };
}
