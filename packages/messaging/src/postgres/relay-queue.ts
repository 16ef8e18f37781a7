import type { PartitionQueue, PendingRecord } from '../driver.ts';
import { recordBytes } from '../producing/delivery.ts';
import type { TopicPartition } from '../record.ts';
import type { Fence } from './fence.ts';
import type { OutboxRow } from './outbox-table.ts';

/**
 * Rows that go to one partition. After a row that failed no further one is given to the driver, so that
 * none overtakes it.
 */
export class RelayQueue implements PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** Resolves when nothing is under way and nothing more will be. */
  readonly done: Promise<void>;
  /** The rows that are in the log. */
  readonly sent: OutboxRow[] = [];
  /** Why the first row that is not failed. */
  failure: Error | undefined;
  readonly #done = Promise.withResolvers<void>();
  readonly #fence: Fence;
  #waiting: readonly OutboxRow[];
  #underWay = 0;

  constructor({ topic, partition }: TopicPartition, rows: readonly OutboxRow[], fence: Fence) {
    this.topic = topic;
    this.partition = partition;
    this.done = this.#done.promise;
    this.#waiting = rows;
    this.#fence = fence;
  }

  take(maxBytes: number): readonly PendingRecord[] {
    if (this.#fence.isShut) this.stop(new Error('it is not sure any more that this relay leads'));
    const taken: PendingRecord[] = [];
    let bytes = 0;
    for (const row of this.#waiting) {
      const pending = this.#pending(row);
      bytes += pending.bytes;
      if (taken.length > 0 && bytes > maxBytes) break;
      taken.push(pending);
    }
    this.#waiting = this.#waiting.slice(taken.length);
    this.#underWay += taken.length;
    return taken;
  }

  /** Keeps back what the driver has not taken. */
  stop(error: Error): void {
    if (this.#waiting.length > 0) this.failure ??= error;
    this.#waiting = [];
    this.#settle(0);
  }

  #pending(row: OutboxRow): PendingRecord {
    const fence = this.#fence;
    return {
      ...row.record,
      bytes: recordBytes(row.record),
      get deadlineMs() {
        return fence.untilMs;
      },
      written: () => {
        this.sent.push(row);
        this.#settle(1);
      },
      failed: (cause) => {
        this.failure ??= cause;
        this.#waiting = [];
        this.#settle(1);
      },
    };
  }

  #settle(count: number): void {
    this.#underWay -= count;
    if (this.#underWay === 0 && this.#waiting.length === 0) this.#done.resolve();
  }
}
