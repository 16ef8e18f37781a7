import assert from 'node:assert/strict';
import type { PartitionQueue, PendingRecord } from '../../driver.ts';
import type { RawRecord, TopicPartition } from '../../record.ts';

/** What became of a record. */
export type Answer =
  | { readonly kind: 'written'; readonly offset: number | undefined }
  | { readonly kind: 'failed'; readonly cause: Error; readonly maybeWritten: boolean };

/** The records of one partition that a test wants written. */
export class TestQueue implements PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** The `maxBytes` of every `take`. */
  readonly asked: number[] = [];
  readonly #waiting: PendingRecord[] = [];
  #repeated = 0;

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
  }

  get length(): number {
    return this.#waiting.length;
  }

  add(raw: RawRecord, deadlineMs: number = performance.now() + 30_000): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    let isAnswered = false;
    const answer = (value: Answer) => {
      if (isAnswered) this.#repeated += 1;
      isAnswered = true;
      // Late enough to see a second answer.
      setImmediate(() =>
        this.#repeated > 0 ? reject(new Error('answered twice')) : resolve(value),
      );
    };
    this.#waiting.push({
      ...raw,
      bytes: (raw.key?.length ?? 0) + (raw.value?.length ?? 0) + 100,
      deadlineMs,
      written: (offset) => answer({ kind: 'written', offset }),
      failed: (cause, maybeWritten) => answer({ kind: 'failed', cause, maybeWritten }),
    });
    return promise;
  }

  /** As `add`, for a record that must be written where the broker says. */
  async addWritten(raw: RawRecord): Promise<number> {
    const answer = await this.add(raw);
    if (answer.kind === 'failed') throw answer.cause;
    assert.equal(typeof answer.offset, 'number');
    return Number(answer.offset);
  }

  take(maxBytes: number): readonly PendingRecord[] {
    this.asked.push(maxBytes);
    let count = 0;
    let bytes = 0;
    for (const record of this.#waiting) {
      bytes += record.bytes;
      if (count > 0 && bytes > maxBytes) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}
