import { randomInt } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Driver, DriverProducer } from '../driver.ts';
import { partitionForKey } from '../topics/murmur2.ts';
import { Fence, type Lead } from './fence.ts';
import type { OutboxRow } from './outbox-table.ts';
import { RelayQueue } from './relay-queue.ts';

/** How long a batch may take before what is left of it is tried anew, in ms. */
const DELIVERY_TIMEOUT_MS = 30_000;
/** What a topic has room for unless it says otherwise. */
const MAX_BATCH_BYTES = 900_000;

/** What became of a batch of rows. */
export interface SendResult {
  readonly sent: readonly OutboxRow[];
  /** Topics of which not all was sent, with why. */
  readonly failures: ReadonlyMap<string, Error>;
}

/** Sends rows, those of a key in their order, for as long as one relay leads. */
export class RelaySender {
  readonly #producer: DriverProducer;
  readonly #clock: Clock;
  readonly #ended = new AbortController();

  constructor(driver: Driver, clock: Clock) {
    this.#producer = driver.producer({ compression: 'none', maxBatchBytes: MAX_BATCH_BYTES });
    this.#clock = clock;
  }

  /** Rejects nothing. */
  async send(rows: readonly OutboxRow[], lead: Lead): Promise<SendResult> {
    const fence = new Fence(this.#clock, lead, DELIVERY_TIMEOUT_MS);
    const late = new AbortController();
    const callOff = this.#clock.after(DELIVERY_TIMEOUT_MS, () =>
      late.abort(new Error(`a batch was not delivered within ${DELIVERY_TIMEOUT_MS} ms`)),
    );
    const signal = AbortSignal.any([late.signal, this.#ended.signal]);
    const results = await Promise.all(
      [...Map.groupBy(rows, ({ topic }) => topic)].map(([topic, ofTopic]) =>
        this.#sendTopic(topic, ofTopic, fence, signal),
      ),
    );
    callOff();
    return {
      sent: results.flatMap(({ sent }) => sent),
      failures: new Map(results.flatMap(({ failures }) => [...failures])),
    };
  }

  /** Ends what is under way: it may still be written. */
  async end(): Promise<void> {
    this.#ended.abort(new Error('the relay no longer leads'));
    await this.#producer.close().catch(() => undefined);
  }

  async #sendTopic(
    topic: string,
    rows: readonly OutboxRow[],
    fence: Fence,
    signal: AbortSignal,
  ): Promise<SendResult> {
    try {
      const partitions = await this.#producer.partitionsOf(topic, signal);
      const queues = this.#queues(topic, rows, partitions, fence);
      await this.#deliver(queues, signal);
      const failure = queues.find((queue) => queue.failure)?.failure;
      const sent = queues.flatMap((queue) => queue.sent);
      return { sent, failures: new Map(failure ? [[topic, failure]] : []) };
    } catch (error) {
      return { sent: [], failures: new Map([[topic, asError(error)]]) };
    }
  }

  #queues(
    topic: string,
    rows: readonly OutboxRow[],
    partitions: number,
    fence: Fence,
  ): RelayQueue[] {
    const keyless = randomInt(partitions);
    const byPartition = Map.groupBy(rows, ({ record: { key } }) =>
      key ? partitionForKey(key, partitions) : keyless,
    );
    return [...byPartition].map(
      ([partition, some]) => new RelayQueue({ topic, partition }, some, fence),
    );
  }

  async #deliver(queues: readonly RelayQueue[], signal: AbortSignal): Promise<void> {
    const stop = () => {
      for (const queue of queues) queue.stop(asError(signal.reason));
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    else for (const queue of queues) this.#producer.offer(queue);
    await Promise.all(queues.map(({ done }) => done));
    signal.removeEventListener('abort', stop);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
