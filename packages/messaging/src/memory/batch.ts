import type { PendingRecord } from '../driver.ts';
import { DriverError } from '../errors.ts';
import { LostAnswerError } from './network.ts';

/** Records of one partition on their way together, and what is known of them. */
export class Batch {
  #records: readonly PendingRecord[];
  #waiting: readonly PendingRecord[];
  #maybeWritten = false;

  constructor(records: readonly PendingRecord[]) {
    this.#records = records;
    this.#waiting = records;
  }

  /** What the broker is sent: always the same once it may have it. */
  get records(): readonly PendingRecord[] {
    return this.#records;
  }

  /** Those that have no answer yet. */
  get waiting(): readonly PendingRecord[] {
    return this.#waiting;
  }

  get maybeWritten(): boolean {
    return this.#maybeWritten;
  }

  written(offset: number): void {
    const waiting = new Set(this.#waiting);
    this.#waiting = [];
    for (const [i, record] of this.#records.entries()) {
      if (waiting.has(record)) record.written(offset + i);
    }
  }

  /**
   * An attempt failed: fails those whose time is over.
   *
   * @param nowMs Infinity when there is no further attempt
   */
  failed(error: Error, nowMs: number): void {
    this.#maybeWritten ||= error instanceof LostAnswerError;
    const isHopeless = !(error instanceof DriverError && error.isRetriable);
    const isOver = (record: PendingRecord) => isHopeless || record.deadlineMs <= nowMs;
    const over = this.#waiting.filter(isOver);
    this.#waiting = this.#waiting.filter((record) => !isOver(record));
    if (!this.#maybeWritten) this.#records = this.#waiting;
    for (const record of over) record.failed(error, this.#maybeWritten);
  }
}
