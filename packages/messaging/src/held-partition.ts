import type { Attempt } from './attempt.ts';
import type { Clock } from './clock.ts';
import type { TopicPartition } from './record.ts';
import type { Delivery, Task } from './task.ts';
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
  /** Its messages failed before, and have a time before which they are not tried again. */
  readonly isRetry: boolean;
  /** `draining`: nothing new begins, and what is under way may end. */
  state: 'active' | 'draining' | 'gone' = 'active';
  readonly watermark: Watermark<Delivery>;
  /** The offset after the last record, as far as the broker has said. */
  end: number | undefined;
  isPaused = false;
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
  readonly #waiting = new Map<Task, () => void>();
  #busy = 0;
  readonly #quiet = Promise.withResolvers<void>();

  /** @param begin the offset of its first record, when that is known */
  constructor(at: TopicPartition, parts: HeldPartitionParts, begin?: number) {
    this.topic = at.topic;
    this.partition = at.partition;
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

  add(delivery: Delivery): void {
    this.watermark.add(delivery);
    this.unfinished += 1;
    this.bytes += delivery.bytes;
  }

  /** The records of a task are dealt with. */
  finish(task: Task): void {
    for (const delivery of task.deliveries) {
      delivery.isDone = true;
      this.unfinished -= 1;
      this.bytes -= delivery.bytes;
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

  /** Work begins that giving up the partition waits for. */
  begin(): void {
    this.#busy += 1;
  }

  /** Such work is over. */
  settle(): void {
    this.#busy -= 1;
    if (this.#busy === 0 && this.state !== 'active') this.#quiet.resolve();
  }

  /** Runs something for a task later, unless the partition is given up before. */
  later(task: Task, ms: number, run: () => void): void {
    const callOff = this.#parts.clock.after(ms, () => {
      this.#waiting.delete(task);
      run();
    });
    this.#waiting.set(task, callOff);
  }

  /** Lets nothing new begin. Gives the tasks that waited for a time which no longer comes. */
  drain(): Task[] {
    this.state = 'draining';
    const dropped = [...this.#waiting.keys()];
    for (const callOff of this.#waiting.values()) callOff();
    this.#waiting.clear();
    if (this.#busy === 0) this.#quiet.resolve();
    return dropped;
  }

  /** Resolves when nothing is under way any more; only after `drain`. */
  quiet(): Promise<void> {
    return this.#quiet.promise;
  }

  /** Aborts the handlers that still run. */
  abort(reason: Error): void {
    for (const attempt of this.attempts) attempt.abort(reason);
  }
}
