import type { PartitionQueue, PendingRecord } from '../driver.ts';
import { DriverError } from '../errors.ts';
import type { TopicPartition } from '../record.ts';
import { type BatchBody, encodeRecords, type Sequence } from './record-batch.ts';

/** A producer as the cluster knows it. */
export interface Identity {
  readonly producerId: bigint;
  readonly epoch: number;
}

/** Records that are written together or not at all. */
export class Batch {
  readonly records: readonly PendingRecord[];
  /** Whether an attempt may have written it: then it keeps its sequence until the broker says. */
  isMaybeWritten: boolean;
  attempts = 0;
  #body: BatchBody | undefined;

  constructor(records: readonly PendingRecord[], isMaybeWritten = false) {
    this.records = records;
    this.isMaybeWritten = isMaybeWritten;
  }

  /** Encoded and compressed once, however often it is sent. */
  async body(compress: (body: BatchBody) => Promise<BatchBody>): Promise<BatchBody> {
    this.#body ??= await compress(encodeRecords(this.records));
    return this.#body;
  }

  get bytes(): number {
    return this.records.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  written(baseOffset: number | undefined): void {
    for (const [index, record] of this.records.entries()) {
      record.written(baseOffset === undefined ? undefined : baseOffset + index);
    }
  }

  failed(cause: Error): void {
    for (const record of this.records) record.failed(cause, this.isMaybeWritten);
  }
}

const maxSequence = 2 ** 31 - 1;
const maxEpoch = 30_000;

/**
 * One partition's way to its leader: one batch at a time, each with the sequence that follows the last one
 * written. A batch that may have been written is sent again with the same sequence, so the broker keeps one
 * copy. One that is given up although it may have been written ends the epoch: the broker then refuses its
 * late copies, and no record of it can appear behind a later one.
 */
export class Lane implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  queue: PartitionQueue;
  isBusy = false;
  notBeforeMs = 0;
  /** The one that is sent next comes first; more than one only after a split. */
  #batches: Batch[] = [];
  #identity: Identity | undefined;
  #used: bigint | undefined;
  #sequence = 0;

  constructor(queue: PartitionQueue) {
    this.queue = queue;
    this.topic = queue.topic;
    this.partition = queue.partition;
  }

  /** The batch that goes next, at most so large if it is a new one. */
  next(maxBytes: number): Batch | undefined {
    const [waiting] = this.#batches;
    if (waiting) return waiting;
    const records = this.queue.take(maxBytes);
    if (records.length === 0) return undefined;
    const batch = new Batch(records);
    this.#batches.push(batch);
    return batch;
  }

  get head(): Batch | undefined {
    return this.#batches[0];
  }

  /** @param fresh gives the identity of the producer: another one than that whose epochs are used up */
  async sequenceFor(
    batch: Batch,
    fresh: (used: bigint | undefined) => Promise<Identity>,
  ): Promise<Sequence> {
    if (this.#sequence + batch.records.length > maxSequence) this.endEpoch();
    this.#identity ??= await fresh(this.#used);
    return { ...this.#identity, first: this.#sequence };
  }

  written(baseOffset: number | undefined): void {
    const batch = this.#batches.shift();
    if (!batch) return;
    this.#sequence += batch.records.length;
    this.notBeforeMs = 0;
    batch.written(baseOffset);
  }

  giveUp(cause: Error): void {
    const batch = this.#batches.shift();
    if (batch?.isMaybeWritten) this.endEpoch();
    batch?.failed(cause);
  }

  /** What is too large for one batch goes in two. False when it is one record. */
  split(): boolean {
    const [batch] = this.#batches;
    if (!batch || batch.records.length < 2) return false;
    const half = batch.records.length >> 1;
    const parts = [batch.records.slice(0, half), batch.records.slice(half)];
    this.#batches.splice(0, 1, ...parts.map((part) => new Batch(part, batch.isMaybeWritten)));
    return true;
  }

  /** Fails what is late. Only a batch that is surely not written can lose some of its records. */
  expire(nowMs: number): void {
    const [batch] = this.#batches;
    if (!batch) return;
    const isLate = ({ deadlineMs }: PendingRecord) => deadlineMs <= nowMs;
    if (!batch.records.some(isLate)) return;
    if (batch.isMaybeWritten && !batch.records.every(isLate)) return;
    const inTime = batch.records.filter((record) => !isLate(record));
    const late = new Batch(batch.records.filter(isLate), batch.isMaybeWritten);
    this.#batches.splice(0, 1, late, ...(inTime.length > 0 ? [new Batch(inTime)] : []));
    this.giveUp(new DriverError('not written in time', { isRetriable: true }));
  }

  /** The next batch begins a new epoch, which an idempotent producer may raise by itself for a partition. */
  endEpoch(): void {
    this.#sequence = 0;
    if (!this.#identity) return;
    const { producerId, epoch } = this.#identity;
    this.#used = producerId;
    this.#identity = epoch < maxEpoch ? { producerId, epoch: epoch + 1 } : undefined;
  }
}
