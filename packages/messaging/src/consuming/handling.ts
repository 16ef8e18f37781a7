import { backoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { HandlerTimeoutError } from '../errors.ts';
import type { RawRecord } from '../record.ts';
import { headerNames, headerNumber } from '../topics/headers.ts';
import { deadLetterTopic, retryTopic } from '../topics/topic.ts';
import { Attempt } from './attempt.ts';
import { Deadlines } from './deadlines.ts';
import { reasonOf } from './failures.ts';
import { Lanes, type LanesOptions } from './lanes.ts';
import { moved } from './letters.ts';
import { type FailurePolicy, judge, type Verdict } from './retry-policy.ts';
import type { Task } from './task.ts';
import type { Troubles } from './troubles.ts';

/** Calls the handler for what is in the task; rejects when that fails. */
export type Call = (task: Task, attempt: Attempt) => Promise<void>;

/** Writes a record; resolves when it is acknowledged. */
type Write = (topic: string, record: RawRecord) => Promise<unknown>;

export interface HandlingParts {
  readonly topic: string;
  readonly group: string;
  readonly lanes: Omit<LanesOptions, 'run' | 'clock'>;
  readonly timeoutMs: number;
  readonly policy: FailurePolicy;
  readonly clock: Clock;
  readonly troubles: Troubles;
  readonly random: () => number;
  readonly call: Call;
  readonly write: Write;
  /** Nothing can be handled any more. */
  readonly fatal: (error: unknown) => void;
}

/** How messages ended; only growing. */
export interface HandlingCounters {
  handled: number;
  failed: number;
  retried: number;
  deadLettered: number;
  timedOut: number;
}

/** Takes tasks from their lanes to their end: handled, or moved to a topic that says so. */
export class Handling {
  readonly lanes: Lanes;
  readonly counters: HandlingCounters = {
    handled: 0,
    failed: 0,
    retried: 0,
    deadLettered: 0,
    timedOut: 0,
  };
  readonly #parts: HandlingParts;
  readonly #deadlines: Deadlines<Attempt>;

  constructor(parts: HandlingParts) {
    this.#parts = parts;
    const { clock, timeoutMs } = parts;
    this.#deadlines = new Deadlines(clock, timeoutMs, (attempt) => this.#expire(attempt));
    this.lanes = new Lanes({ ...parts.lanes, clock, run: (task) => void this.#attempt(task) });
  }

  /** The task is given up without an end: whoever gets its partition begins it anew. */
  abandon(task: Task): void {
    this.#parts.troubles.clear(task);
    task.held.abandon(task);
    this.lanes.release(task);
  }

  /** Leaves no timer behind. */
  stop(): void {
    this.#deadlines.stop();
  }

  async #attempt(task: Task): Promise<void> {
    const { held } = task;
    if (task.attempts === 0 && held.isRetry) task.attempts = attemptsBefore(task);
    task.attempts += 1;
    held.begin(task);
    const failure = await this.#outcome(task);
    if (held.state === 'gone' || (failure && held.isAborted)) this.abandon(task);
    else if (failure) await this.#failed(task, failure.error);
    else this.#handled(task);
    held.settle();
  }

  /** Calls the handler, and frees its slot when it has ended, however long that takes. */
  async #outcome(task: Task): Promise<Failure | undefined> {
    const attempt = new Attempt();
    const { attempts } = task.held;
    attempts.add(attempt);
    this.#deadlines.add(attempt);
    let failure: Failure | undefined;
    try {
      await this.#parts.call(task, attempt);
    } catch (error) {
      failure = { error };
    }
    attempts.delete(attempt);
    this.#deadlines.delete(attempt);
    this.lanes.freeSlot();
    if (!attempt.isLate) return failure;
    this.#parts.troubles.clear(attempt);
    return { error: this.#timeout() };
  }

  /** The handler may go on; its lane waits for it, since no key is handled twice at once. */
  #expire(attempt: Attempt): void {
    attempt.isLate = true;
    attempt.abort(this.#timeout());
    this.counters.timedOut += 1;
    const { troubles, timeoutMs } = this.#parts;
    troubles.set(attempt, `a handler goes on after its time limit of ${timeoutMs} ms`);
  }

  #timeout(): HandlerTimeoutError {
    return new HandlerTimeoutError(this.#parts.timeoutMs);
  }

  #handled(task: Task): void {
    this.counters.handled += task.arrivals.length;
    this.#finish(task);
  }

  #finish(task: Task): void {
    this.#parts.troubles.clear(task);
    task.held.finish(task);
    this.lanes.release(task);
  }

  async #failed(task: Task, error: unknown): Promise<void> {
    this.counters.failed += 1;
    const verdict = judge(this.#parts.policy, error, task.attempts);
    if (verdict.kind === 'fatal') {
      this.#halt(task, error);
    } else if (verdict.kind === 'again' && !verdict.isStuck) {
      this.#again(task, verdict.delayMs);
    } else if (task.arrivals.length > 1) {
      this.#split(task);
    } else if (verdict.kind === 'again') {
      this.#parts.troubles.set(task, `${placeOf(task)} cannot be handled: ${reasonOf(error)}`);
      this.#again(task, verdict.delayMs);
    } else {
      await this.#move(task, this.#letter(task, error, verdict));
    }
  }

  /** The task stays as it is; giving up its partition does not wait for it. */
  #halt(task: Task, error: unknown): void {
    if (task.held.state === 'active') task.held.strand(task);
    else this.abandon(task);
    this.#parts.fatal(error);
  }

  #again(task: Task, delayMs: number): void {
    if (task.held.state !== 'active') {
      this.abandon(task);
      return;
    }
    this.counters.retried += 1;
    task.held.later(task, delayMs, () => this.lanes.putBack(task, [task]));
  }

  /** The halves of a batch are called for anew, and theirs, until the messages at fault are alone. */
  #split(task: Task): void {
    const middle = Math.ceil(task.arrivals.length / 2);
    const halves = [task.arrivals.slice(0, middle), task.arrivals.slice(middle)];
    this.lanes.putBack(
      task,
      halves.map((half) => task.part(half)),
    );
  }

  #letter(task: Task, error: unknown, verdict: Verdict): Letter {
    const { group, topic, clock } = this.#parts;
    const isRetry = verdict.kind === 'retry-topic';
    const now = clock.wall();
    const notBefore = isRetry ? { notBefore: now + verdict.delayMs } : {};
    const move = { now, group, error, attempts: task.attempts, ...notBefore };
    return {
      to: isRetry ? retryTopic(topic, group, verdict.step) : deadLetterTopic(topic),
      record: moved(task.held, task.first.record, move),
      counter: isRetry ? 'retried' : 'deadLettered',
    };
  }

  /** Nothing is finished before it is written elsewhere: until that works, it is tried. */
  async #move(task: Task, letter: Letter, failures = 0): Promise<void> {
    const { held } = task;
    const { write, troubles } = this.#parts;
    try {
      await write(letter.to, letter.record);
    } catch (error) {
      troubles.set(task, `"${letter.to}" cannot be written: ${reasonOf(error)}`);
      this.#moveLater(task, letter, failures + 1);
      return;
    }
    if (failures > 0) held.unblock();
    this.counters[letter.counter] += 1;
    if (held.state === 'gone') this.abandon(task);
    else this.#finish(task);
  }

  #moveLater(task: Task, letter: Letter, failures: number): void {
    const { held } = task;
    if (held.state !== 'active') {
      this.abandon(task);
      return;
    }
    if (failures === 1) held.block();
    held.later(task, backoffMs(failures, this.#parts.random), () => {
      held.begin(task);
      void this.#move(task, letter, failures).then(() => held.settle());
    });
  }
}

interface Failure {
  readonly error: unknown;
}

/** A message on its way to another topic. */
interface Letter {
  readonly to: string;
  readonly record: RawRecord;
  readonly counter: 'retried' | 'deadLettered';
}

/** What the retry topic says of the calls before. */
function attemptsBefore({ first }: Task): number {
  return headerNumber(first.record.headers, headerNames.attempts) ?? 0;
}

function placeOf({ held, first }: Task): string {
  return `"${held.topic}" partition ${held.partition} offset ${first.offset}`;
}
