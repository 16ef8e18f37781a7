import type {
  Assignment,
  ConsumerListener,
  DriverConsumer,
  DriverProducer,
  PartitionQueue,
  PendingRecord,
} from '../src/driver.ts';
import type { StoredRecord, TopicPartition } from '../src/record.ts';

/** What became of a text that was sent. */
export interface Sent {
  readonly text: string;
  readonly isWritten: boolean;
  readonly maybeWritten: boolean;
  readonly offset: number | undefined;
  readonly cause?: Error;
}

/** Texts that wait to be written to one partition, as the package's own producer would hold them. */
export class TextQueue implements PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly #producer: DriverProducer;
  readonly #waiting: PendingRecord[] = [];

  constructor(producer: DriverProducer, { topic, partition }: TopicPartition) {
    this.#producer = producer;
    this.topic = topic;
    this.partition = partition;
  }

  send(text: string, deadlineMs = 60_000): Promise<Sent> {
    const value = Buffer.from(text);
    return new Promise((resolve) => {
      this.#waiting.push({
        key: null,
        value,
        headers: [],
        timestamp: Date.now(),
        bytes: value.length + 70,
        deadlineMs: performance.now() + deadlineMs,
        written: (offset) => resolve({ text, isWritten: true, maybeWritten: true, offset }),
        failed: (cause, maybeWritten) =>
          resolve({ text, isWritten: false, maybeWritten, offset: undefined, cause }),
      });
      this.#producer.offer(this);
    });
  }

  take(maxBytes: number): readonly PendingRecord[] {
    let bytes = 0;
    let count = 0;
    for (const record of this.#waiting) {
      bytes += record.bytes;
      if (count > 0 && bytes > maxBytes) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}

/** Keeps what a consumer is told. */
export class Log implements ConsumerListener {
  readonly records_: (TopicPartition & StoredRecord)[] = [];
  readonly troubles: Error[] = [];
  readonly events: string[] = [];
  held: Assignment | undefined;

  get texts(): string[] {
    return this.records_.map(({ value }) => Buffer.from(value ?? []).toString());
  }

  assigned(assignment: Assignment): void {
    this.held = assignment;
    this.events.push('assigned');
  }

  async revoking(): Promise<void> {
    this.held = undefined;
    this.events.push('revoking');
  }

  lost(): void {
    this.held = undefined;
    this.events.push('lost');
  }

  records(partition: TopicPartition, records: readonly StoredRecord[]): void {
    for (const record of records) this.records_.push({ ...partition, ...record });
  }

  trouble(error: Error): void {
    this.troubles.push(error);
  }
}

/** Runs a consumer until `stop`, and begins again whenever it fails, as a supervisor would. */
export function supervise(open: () => DriverConsumer, log: Log): { stop(): Promise<void> } {
  let isOver = false;
  let consumer = open();
  const running = (async () => {
    while (!isOver) {
      await consumer.run(log).catch((error) => log.trouble(error));
      if (isOver) return;
      await new Promise((resolve) => setTimeout(resolve, 500));
      consumer = open();
    }
  })();
  return {
    async stop() {
      isOver = true;
      await consumer.stop();
      await running;
    },
  };
}
