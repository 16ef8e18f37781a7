import type {
  DriverProducer,
  DriverProducerOptions,
  PartitionQueue,
  PendingRecord,
} from '../driver.ts';
import { DriverError, UnknownTopicError } from '../errors.ts';
import type { TopicPartition } from '../record.ts';
import { Batch } from './batch.ts';
import type { Connection } from './connection.ts';
import { type BatchId, bytesOf } from './partition-log.ts';
import { sleep } from './sleep.ts';

/** How long the number of a topic's partitions is believed, in ms. */
const METADATA_MAX_AGE_MS = 1_000;
const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 1_000;

/** Where one partition's batches are numbered; one is under way at a time. */
interface Lane extends TopicPartition {
  isBusy: boolean;
  epoch: number;
  sequence: number;
}

/** The batch does not fit into the topic's `max.message.bytes`. */
class TooLargeError extends DriverError {}

/** Writes over the memory broker's network as an idempotent Kafka producer does. */
export class MemoryProducer implements DriverProducer {
  readonly #connection: Connection;
  readonly #maxBatchBytes: number;
  readonly #id: number;
  readonly #lanes = new Map<string, Lane>();
  readonly #partitions = new Map<string, { count: number; atMs: number }>();
  readonly #closing = new AbortController();

  constructor(connection: Connection, { maxBatchBytes }: DriverProducerOptions) {
    this.#connection = connection;
    this.#maxBatchBytes = maxBatchBytes;
    this.#id = connection.broker.newProducer();
  }

  partitionsOf(topic: string, signal?: AbortSignal): number | Promise<number> {
    const known = this.#partitions.get(topic);
    if (!known) return abortable(this.#askPartitions(topic), signal);
    const nowMs = this.#connection.broker.clock.now();
    if (nowMs - known.atMs > METADATA_MAX_AGE_MS) {
      known.atMs = nowMs;
      this.#askPartitions(topic).catch((error: unknown) => {
        if (error instanceof UnknownTopicError) this.#partitions.delete(topic);
      });
    }
    return known.count;
  }

  offer(queue: PartitionQueue): void {
    const { topic, partition } = queue;
    const name = `${topic}/${partition}`;
    const lane = this.#lanes.get(name) ?? {
      topic,
      partition,
      isBusy: false,
      epoch: 0,
      sequence: 0,
    };
    this.#lanes.set(name, lane);
    if (lane.isBusy) return;
    lane.isBusy = true;
    void this.#drain(queue, lane);
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }

  async #askPartitions(topic: string): Promise<number> {
    const { broker } = this.#connection;
    const count = await this.#connection.request({ api: 'metadata', topics: [topic] }, () =>
      broker.partitionsOf(topic),
    );
    this.#partitions.set(topic, { count, atMs: broker.clock.now() });
    return count;
  }

  async #drain(queue: PartitionQueue, lane: Lane): Promise<void> {
    // What is offered in one turn goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (!this.#closing.signal.aborted) {
      const batch = queue.take(this.#maxBatchBytes);
      if (batch.length === 0) break;
      await this.#write(lane, batch);
    }
    lane.isBusy = false;
  }

  /** Ends when every record has its answer. */
  async #write(lane: Lane, records: readonly PendingRecord[]): Promise<void> {
    const { clock } = this.#connection.broker;
    const batch = new Batch(records);
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)) {
      const answer = await this.#attempt(lane, batch.records);
      if (typeof answer === 'number') return batch.written(answer);
      if (answer instanceof TooLargeError && batch.waiting.length > 1) {
        return this.#halve(lane, batch.waiting);
      }
      batch.failed(answer, this.#closing.signal.aborted ? Number.POSITIVE_INFINITY : clock.now());
      if (batch.waiting.length === 0) break;
      await sleep(clock, retryMs, this.#closing.signal);
    }
    // A late copy of what was given up must not come behind what is written from now on.
    if (!batch.maybeWritten) return;
    lane.epoch += 1;
    lane.sequence = 0;
  }

  /** @returns the offset of the first record, or why there is none */
  async #attempt(lane: Lane, batch: readonly PendingRecord[]): Promise<number | Error> {
    const { topic, partition, epoch, sequence } = lane;
    const id = { producer: this.#id, epoch, sequence };
    try {
      const offset = await this.#connection.request(
        { api: 'produce', topics: [topic], partition },
        () => this.#append(lane, batch, id),
        { signal: this.#closing.signal },
      );
      lane.sequence += batch.length;
      return offset;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** What the broker does. */
  #append(where: TopicPartition, batch: readonly PendingRecord[], id: BatchId): number {
    const { broker } = this.#connection;
    const bytes = batch.reduce((sum, record) => sum + bytesOf(record), 0);
    const maxBytes = broker.maxMessageBytes(where.topic);
    if (bytes > maxBytes) {
      const message = `a batch of ${bytes} bytes is more than ${where.topic} takes: ${maxBytes}`;
      throw new TooLargeError(message, { isRetriable: false });
    }
    return broker.logOf(where).append(batch, id);
  }

  async #halve(lane: Lane, batch: readonly PendingRecord[]): Promise<void> {
    const middle = batch.length >> 1;
    await this.#write(lane, batch.slice(0, middle));
    await this.#write(lane, batch.slice(middle));
  }
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
