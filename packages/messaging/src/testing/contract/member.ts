import assert from 'node:assert/strict';
import type { Assignment, ConsumerListener, DriverConsumer } from '../../driver.ts';
import type { StoredRecord, TopicPartition } from '../../record.ts';

/** A consumer and all that it was told, in order. */
export class Member implements ConsumerListener {
  readonly consumer: DriverConsumer;
  /** Names of what was called, e.g. `assigned`. */
  readonly events: string[] = [];
  readonly assignments: Assignment[] = [];
  readonly read: { readonly partition: number; readonly record: StoredRecord }[] = [];
  readonly ends: Map<number, number> = new Map();
  readonly troubles: Error[] = [];
  /** What the driver did that no driver may do. */
  readonly violations: string[] = [];
  /** What it holds now. */
  held: Assignment | undefined;
  /** Why `run` ended; undefined while it runs or when it was stopped. */
  failure: Error | undefined;
  hasEnded = false;
  /** What a test has it do. */
  onAssigned: (assignment: Assignment) => void = () => undefined;
  onRevoking: (assignment: Assignment) => Promise<void> = async () => undefined;
  onRecords: (partition: TopicPartition, records: readonly StoredRecord[]) => void = () =>
    undefined;
  #running: Promise<void> = Promise.resolve();
  #isRevoking = false;

  constructor(consumer: DriverConsumer) {
    this.consumer = consumer;
  }

  run(): void {
    this.#running = this.consumer.run(this).then(
      () => {
        this.hasEnded = true;
      },
      (error: Error) => {
        this.hasEnded = true;
        this.failure = error;
      },
    );
  }

  async stop(): Promise<void> {
    await this.consumer.stop();
    await this.#running;
  }

  /** The partitions that it holds, of its first topic if it has several. */
  get partitions(): readonly number[] {
    return (this.held?.partitions ?? []).map(({ partition }) => partition).sort((a, b) => a - b);
  }

  get epoch(): number {
    assert.ok(this.held, 'holds nothing');
    return this.held.epoch;
  }

  recordsOf(partition: number): StoredRecord[] {
    return this.read.filter((one) => one.partition === partition).map(({ record }) => record);
  }

  assigned(assignment: Assignment): void {
    this.#tell('assigned');
    this.assignments.push(assignment);
    this.onAssigned(assignment);
    this.held = assignment;
  }

  async revoking(assignment: Assignment): Promise<void> {
    this.#tell('revoking');
    this.#isRevoking = true;
    await this.onRevoking(assignment).finally(() => this.#let(assignment));
  }

  lost(assignment: Assignment): void {
    this.events.push('lost');
    this.#let(assignment);
  }

  records(partition: TopicPartition, records: readonly StoredRecord[], end: number): void {
    this.#tell('records');
    if (!this.partitions.includes(partition.partition)) this.violations.push('records not held');
    if (records.length === 0) this.violations.push('no records');
    for (const record of records) this.read.push({ partition: partition.partition, record });
    this.ends.set(partition.partition, end);
    this.onRecords(partition, records);
  }

  trouble(error: Error): void {
    this.troubles.push(error);
  }

  /** May come late, when something else is held already. */
  #let(assignment: Assignment): void {
    if (this.held !== assignment) return;
    this.held = undefined;
    this.#isRevoking = false;
  }

  #tell(event: string): void {
    if (this.#isRevoking) this.violations.push(`${event} during revoking`);
    this.events.push(event);
  }
}
