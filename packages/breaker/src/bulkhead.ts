import { Alarms } from './alarms.ts';
import { duration, nonNegativeInteger, oneOf, positiveInteger } from './check.ts';
import type { FullClock } from './clock.ts';
import { BulkheadFullError, withoutStack } from './errors.ts';
import type { Execution } from './execution.ts';
import type { PolicyPart, Run } from './policy-part.ts';
import { Queue } from './queue.ts';

/** How many calls may run at once, and how many may wait for that. */
export interface BulkheadOptions {
  /** Calls that run at once. A call runs until its work really settles, whoever still waits for it. */
  readonly concurrency: number;
  /** Without it, a call that has no place is refused at once. */
  readonly queue?: {
    /** Calls that wait for a place, first come, first served. */
    readonly max: number;
    /** What happens to a call that finds the queue full. `'reject'` is the only answer there is. */
    readonly whenFull?: 'reject';
    /** How long a call waits at most, in ms. Default: as long as its deadline and caller let it. */
    readonly timeoutMs?: number;
  };
}

export class Bulkhead implements PolicyPart {
  /** Calls that run now. */
  running = 0;
  refused = 0;
  readonly #name: string;
  readonly #concurrency: number;
  readonly #max: number;
  readonly #timeoutMs: number | undefined;
  readonly #alarms: Alarms | undefined;
  readonly #queue = new Queue<() => void>();

  constructor({ concurrency, queue }: BulkheadOptions, name: string, clock: FullClock) {
    positiveInteger('bulkhead.concurrency', concurrency);
    this.#name = name;
    this.#concurrency = concurrency;
    this.#max = queue?.max ?? 0;
    this.#timeoutMs = queue?.timeoutMs;
    nonNegativeInteger('bulkhead.queue.max', this.#max);
    oneOf('bulkhead.queue.whenFull', queue?.whenFull ?? 'reject', ['reject']);
    if (this.#timeoutMs === undefined) return;
    duration('bulkhead.queue.timeoutMs', this.#timeoutMs, 1);
    this.#alarms = new Alarms(clock, this.#timeoutMs);
  }

  /** Calls that wait for a place now. */
  get queued(): number {
    return this.#queue.size;
  }

  around(next: Run): Run {
    return async (fn, execution) => {
      if (this.running < this.#concurrency) this.running += 1;
      else await this.#waitForPlace(execution);
      try {
        return await next(fn, execution);
      } finally {
        this.#releaseAfter(execution.running);
      }
    };
  }

  async #waitForPlace(execution: Execution): Promise<void> {
    if (this.#queue.size >= this.#max) throw this.#refusal(0);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const place = this.#queue.join(resolve);
    const tooLate = () => reject(this.#refusal(this.#timeoutMs ?? 0));
    const cancelAlarm = this.#alarms?.set(tooLate);
    try {
      await execution.wait<void>((served, givenUp) => void promise.then(served, givenUp));
    } catch (error) {
      // Who was served in the same moment passes the place on.
      if (place.waiting) this.#queue.leave(place);
      else this.#release();
      throw error;
    } finally {
      cancelAlarm?.();
    }
  }

  #releaseAfter(work: PromiseLike<unknown> | undefined): void {
    if (work) work.then(() => this.#release());
    else this.#release();
  }

  /** The place goes to the first who waits. */
  #release(): void {
    const { first } = this.#queue;
    if (!first) {
      this.running -= 1;
      return;
    }
    this.#queue.leave(first);
    first.value();
  }

  #refusal(waitedMs: number): Error {
    this.refused += 1;
    return withoutStack(() => new BulkheadFullError(this.#name, this.#concurrency, waitedMs));
  }
}
