import { type Alarm, Alarms } from './alarms.ts';
import { duration, nonNegativeInteger, oneOf, positiveInteger } from './check.ts';
import type { FullClock } from './clock.ts';
import { BulkheadFullError, withoutStack } from './errors.ts';
import type { Execution } from './execution.ts';
import { type Place, Queue } from './queue.ts';

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

interface Waiter {
  readonly served: () => void;
  readonly refused: (refusal: Error) => void;
  alarm: Alarm<Place<Waiter>> | undefined;
}

export class Bulkhead {
  /** Calls that run now. */
  running = 0;
  refused = 0;
  readonly #name: string;
  readonly #concurrency: number;
  readonly #max: number;
  readonly #timeoutMs: number | undefined;
  readonly #clock: FullClock;
  readonly #alarms: Alarms<Place<Waiter>> | undefined;
  readonly #queue = new Queue<Waiter>();

  constructor({ concurrency, queue }: BulkheadOptions, name: string, clock: FullClock) {
    positiveInteger('bulkhead.concurrency', concurrency);
    this.#name = name;
    this.#clock = clock;
    this.#concurrency = concurrency;
    this.#max = queue?.max ?? 0;
    this.#timeoutMs = queue?.timeoutMs;
    nonNegativeInteger('bulkhead.queue.max', this.#max);
    oneOf('bulkhead.queue.whenFull', queue?.whenFull ?? 'reject', ['reject']);
    if (this.#timeoutMs === undefined) return;
    duration('bulkhead.queue.timeoutMs', this.#timeoutMs, 1);
    const waitedMs = this.#timeoutMs;
    this.#alarms = new Alarms(clock, waitedMs, (place) => {
      this.#leaveQueue(place);
      place.value.refused(this.#refusal(waitedMs));
    });
  }

  /** Calls that wait for a place now. */
  get queued(): number {
    return this.#queue.size;
  }

  /** Takes a place, if there is one. */
  enter(): boolean {
    if (this.running >= this.#concurrency) return false;
    this.running += 1;
    return true;
  }

  /** Waits for a place: one of the two functions is called, unless the execution ends before. */
  queueUp(execution: Execution, served: () => void, refused: (refusal: Error) => void): void {
    if (this.#queue.size >= this.#max) {
      refused(this.#refusal(0));
      return;
    }
    const waiter: Waiter = { served, refused, alarm: undefined };
    const place = this.#queue.join(waiter);
    waiter.alarm = this.#alarms?.set(place, this.#clock.now());
    execution.waitsUntil(() => this.#leaveQueue(place));
  }

  /** The place goes to the first who waits. */
  leave(): void {
    const { first } = this.#queue;
    if (!first) {
      this.running -= 1;
      return;
    }
    this.#leaveQueue(first);
    first.value.served();
  }

  #leaveQueue(place: Place<Waiter>): void {
    this.#queue.leave(place);
    const { alarm } = place.value;
    if (alarm) this.#alarms?.cancel(alarm);
  }

  #refusal(waitedMs: number): Error {
    this.refused += 1;
    return withoutStack(() => new BulkheadFullError(this.#name, this.#concurrency, waitedMs));
  }
}
