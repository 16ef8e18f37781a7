import type { Clock } from '../clock.ts';
import { Fifo } from '../fifo.ts';
import type { HeldPartition } from './held-partition.ts';
import { type Arrival, Task } from './task.ts';

/** Which messages wait for each other: those of a key, those of a partition, or none. */
export type Order = 'key' | 'partition' | 'none';

export interface LanesOptions {
  readonly order: Order;
  /** How many handlers run at once. */
  readonly concurrency: number;
  /** How many messages go to the handler in one call, and how long the first of them waits for company. */
  readonly maxSize: number;
  readonly maxWaitMs: number;
  readonly clock: Clock;
  /** Calls the handler. It says `freeSlot` when the handler has ended, and `release` when the lane may go on. */
  readonly run: (task: Task) => void;
}

/** Tasks of which one runs at a time, in their order. */
export class Lane {
  first: Task | undefined;
  last: Task | undefined;
  /** Its task is with the handler, or waits for its next attempt. */
  isBusy = false;
  /** It stands in the line of those whose turn comes. */
  isReady = false;
  /** Its batch waits for company. */
  callOff: (() => void) | undefined;
  /** Takes the lane out of the map in which it is found. */
  readonly forget: () => void;

  constructor(forget: () => void) {
    this.forget = forget;
  }

  push(task: Task): void {
    if (this.last) this.last.next = task;
    else this.first = task;
    this.last = task;
  }

  unshift(task: Task): void {
    task.next = this.first;
    this.first = task;
    this.last ??= task;
  }

  shift(): Task | undefined {
    const task = this.first;
    this.first = task?.next;
    if (!this.first) this.last = undefined;
    if (task) task.next = undefined;
    return task;
  }
}

type Keys = Map<string, Lane>;
const nothing = (): void => undefined;

/**
 * Gives tasks to the handler: at most `concurrency` at once, and one at a time in each lane. The lane of a
 * running task outlives the assignment of its partition: when the partition comes back while the handler
 * still runs, the key waits for it.
 */
export class Lanes {
  readonly #options: LanesOptions;
  readonly #ready = new Fifo<Lane>();
  /** By partition, then by key. */
  readonly #lanes = new Map<string, Keys>();
  #running = 0;

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  /** How many handlers run. */
  get running(): number {
    return this.#running;
  }

  add(held: HeldPartition, arrival: Arrival): void {
    const lane = this.#laneOf(held, arrival);
    const { last } = lane;
    if (last && this.#hasRoom(last)) last.arrivals.push(arrival);
    else lane.push(new Task(held, lane, [arrival], this.#ripeMs(held)));
    this.#turn(lane);
  }

  /** The handler of a task has ended; its lane stays as it is. */
  freeSlot(): void {
    this.#running -= 1;
    this.#pump();
  }

  /** The task is over: the next of its lane may run. */
  release({ lane }: Task): void {
    lane.isBusy = false;
    this.#turn(lane);
  }

  /** These run next in the lane of the task, before what waits there. */
  putBack(task: Task, again: readonly Task[]): void {
    for (const one of again.toReversed()) task.lane.unshift(one);
    this.release(task);
  }

  /** The partition is gone. Forgets what waits behind its tasks; the rest is skipped when its turn comes. */
  drop(held: HeldPartition): void {
    for (const lane of this.#keysOf(held).values()) {
      lane.first = undefined;
      lane.last = undefined;
      this.#turn(lane);
    }
  }

  #hasRoom({ held, attempts, arrivals }: Task): boolean {
    return arrivals.length < this.#options.maxSize && attempts === 0 && !held.isRetry;
  }

  #ripeMs({ isRetry }: HeldPartition): number {
    const { maxWaitMs, clock } = this.#options;
    return maxWaitMs === 0 || isRetry ? 0 : clock.now() + maxWaitMs;
  }

  /** The lane goes to the line of the ready ones, waits for company or its running task, or ends. */
  #turn(lane: Lane): void {
    if (lane.isBusy || lane.isReady) return;
    lane.callOff?.();
    lane.callOff = undefined;
    const { first } = lane;
    if (!first) {
      lane.forget();
      return;
    }
    const waitMs = this.#hasRoom(first) ? first.ripeMs - this.#options.clock.now() : 0;
    if (waitMs > 0) {
      lane.callOff = this.#options.clock.after(waitMs, () => this.#turn(lane));
      return;
    }
    lane.isReady = true;
    this.#ready.push(lane);
    this.#pump();
  }

  #pump(): void {
    while (this.#running < this.#options.concurrency) {
      const lane = this.#ready.shift();
      if (!lane) return;
      this.#next(lane);
    }
  }

  #next(lane: Lane): void {
    lane.isReady = false;
    let task = lane.shift();
    while (task && !task.held.allows(task)) task = lane.shift();
    if (!task) {
      lane.forget();
      return;
    }
    lane.isBusy = true;
    this.#running += 1;
    this.#options.run(task);
  }

  #laneOf(held: HeldPartition, { record }: Arrival): Lane {
    const { order } = this.#options;
    if (order === 'none' || (order === 'key' && !record.key)) return new Lane(nothing);
    const key = order === 'key' && record.key ? latin1(record.key) : '';
    const keys = this.#keysOf(held);
    const found = keys.get(key);
    if (found) return found;
    const lane = new Lane(() => void keys.delete(key));
    keys.set(key, lane);
    return lane;
  }

  #keysOf({ id }: HeldPartition): Keys {
    let keys = this.#lanes.get(id);
    if (!keys) {
      keys = new Map();
      this.#lanes.set(id, keys);
    }
    return keys;
  }
}

/** Each byte as one character: two keys are equal when their bytes are. */
function latin1(key: Uint8Array): string {
  if (key instanceof Buffer) return key.toString('latin1');
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
