import type { Clock } from '../clock.ts';
import type { TopicPartition } from '../record.ts';
import type { Attempt } from './attempt.ts';
import type { Arrival, Task } from './task.ts';
import { Watermark } from './watermark.ts';

export interface HeldPartitionParts {
  readonly clock: Clock;
  readonly isRetry: boolean;
  /** Records were finished, or what speaks for a pause has changed. */
  readonly progressed: (held: HeldPartition, hasMoved: boolean) => void;
}

/**
 * A partition from `assigned` until it is given up. What began under it and ends later finds it gone,
 * and can neither finish nor commit anything.
 */
export class HeldPartition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** The same each time that the partition is held. */
  readonly id: string;
  /** Its messages failed before, and have a time before which they are not tried again. */
  readonly isRetry: boolean;
  /** `draining`: what is under way may end, and what it overtook is still begun. */
  state: 'active' | 'draining' | 'gone' = 'active';
  readonly watermark: Watermark<Arrival>;
  /** The offset after the last record, as far as the broker has said. */
  end: number | undefined;
  isPaused = false;
  /** Its handlers were told to end, so what fails from now on says nothing of the message. */
  isAborted = false;
  /** Records that are not finished, and their bytes. */
  unfinished = 0;
  bytes = 0;
  /** What the group knows: the offset, and how many records lie below it. */
  committed: number | undefined;
  passedCommitted = 0;
  /** Tasks whose retry or dead letter could not be written yet. */
  unwritten = 0;
  /** Calls of the handler that are under way. */
  readonly attempts: Set<Attempt> = new Set();
  readonly #parts: HeldPartitionParts;
  /** The record after the last one that was begun. */
  #begunTo = 0;
  /** When draining: what is before this is still begun. */
  #fillTo = 0;
  readonly #waiting = new Map<Task, () => void>();
  #busy = 0;
  readonly #quiet = Promise.withResolvers<void>();

  /** @param begin the offset of its first record, when that is known */
  constructor(at: TopicPartition, parts: HeldPartitionParts, begin?: number) {
    this.topic = at.topic;
    this.partition = at.partition;
    this.id = `${at.topic}/${at.partition}`;
    this.isRetry = parts.isRetry;
    this.#parts = parts;
    this.watermark = new Watermark(begin);
  }

  /** How many records would come again if the process died now. */
  get uncommitted(): number {
    return this.watermark.added - this.passedCommitted;
  }

  /** How many messages are not handled, as far as offsets tell. */
  get lag(): number {
    const { position } = this.watermark;
    if (this.end === undefined || position === undefined) return 0;
    return Math.max(0, this.end - position);
  }

  add(arrival: Arrival): void {
    this.watermark.add(arrival);
    this.unfinished += 1;
    this.bytes += arrival.bytes;
  }

  /** The records of a task are dealt with. */
  finish(task: Task): void {
    for (const arrival of task.arrivals) {
      arrival.isDone = true;
      this.unfinished -= 1;
      this.bytes -= arrival.bytes;
    }
    this.#parts.progressed(this, this.watermark.advance());
  }

  /** The retry or dead letter of a task cannot be written; until it can, no more is read. */
  block(): void {
    this.unwritten += 1;
    this.#parts.progressed(this, false);
  }

  unblock(): void {
    this.unwritten -= 1;
  }

  /** Whether the handler may be called for the task. */
  allows(task: Task): boolean {
    if (this.state === 'draining') return task.first.offset < this.#fillTo;
    return this.state === 'active';
  }

  /** Work on a task begins that giving up the partition waits for. */
  begin({ last }: Task): void {
    this.#busy += 1;
    if (last.offset >= this.#begunTo) this.#begunTo = last.offset + 1;
  }

  /** Such work is over. */
  settle(): void {
    this.#busy -= 1;
    this.#checkQuiet();
  }

  /** The task will not be finished here, so what comes after it comes again anyhow. */
  abandon(task: Task): void {
    this.#fillTo = Math.min(this.#fillTo, task.first.offset);
  }

  /** Runs something for a task later, unless the partition is given up before. */
  later(task: Task, ms: number, run: () => void): void {
    const callOff = this.#parts.clock.after(ms, () => {
      this.#waiting.delete(task);
      run();
    });
    this.#waiting.set(task, callOff);
  }

  /** No call for the task comes any more, and it is not finished either. */
  strand(task: Task): void {
    this.#waiting.set(task, () => undefined);
  }

  /**
   * Begins nothing more but what is before records that were begun: otherwise these would be handled a
   * second time by whoever comes next. Gives the tasks that waited for a time which no longer comes.
   */
  drain(): Task[] {
    this.state = 'draining';
    this.#fillTo = this.#begunTo;
    const dropped = [...this.#waiting.keys()];
    for (const callOff of this.#waiting.values()) callOff();
    this.#waiting.clear();
    for (const task of dropped) this.abandon(task);
    this.#checkQuiet();
    return dropped;
  }

  /** Begins nothing more at all. */
  stopFilling(): void {
    this.#fillTo = 0;
    this.#checkQuiet();
  }

  /** Resolves when nothing is under way, and nothing more will be; only after `drain`. */
  quiet(): Promise<void> {
    return this.#quiet.promise;
  }

  /** Aborts the handlers that still run. */
  abort(reason: Error): void {
    this.isAborted = true;
    for (const attempt of this.attempts) attempt.abort(reason);
  }

  #checkQuiet(): void {
    if (this.#busy > 0 || this.state === 'active') return;
    if ((this.watermark.position ?? 0) >= this.#fillTo) this.#quiet.resolve();
  }
}
