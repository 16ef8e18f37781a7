import { type Answer, Batch } from './batch.ts';
import { Departures, type DeparturesSettings } from './departures.ts';
import { QueueFullError } from './errors.ts';
import { Lane } from './lane.ts';
import type { Line } from './line.ts';

export interface DispatcherSettings<Item, Result> extends DeparturesSettings {
  readonly name: string;
  readonly maxSize: number;
  readonly maxBytes: number;
  /** Calls that may wait; `Infinity` refuses nobody. */
  readonly maxWaiting: number;
  /**
   * Calls `ripen` when a new batch has waited long enough for company; returns how to call that off.
   * Without it, no batch waits for any beyond its tick.
   */
  readonly wait: ((ripen: () => void) => (() => void) | undefined) | undefined;
  /** A full batch need not wait any longer. */
  readonly leaveWhenFull: boolean;
  /** Sends the batch. When it is settled, later, `arrived` has to be told. */
  readonly send: (batch: Batch<Item, Result>) => void;
}

/**
 * Decides which item goes into which batch, and when a batch is ripe: when it is full, or its first
 * item has waited long enough. It knows nothing of what is sent or answered.
 */
export class Dispatcher<Item, Result> {
  /** Calls in batches that have not left. */
  waiting = 0;
  /** Calls that found no room, or gave theirs to another group. */
  refused = 0;
  /** The lane of all items, unless they are grouped. */
  readonly onlyLane: Lane<Item, Result> = new Lane(undefined);
  readonly #settings: DispatcherSettings<Item, Result>;
  readonly #maxSize: number;
  readonly #maxBytes: number;
  readonly #maxWaiting: number;
  readonly #lanes = new Map<unknown, Lane<Item, Result>>();
  readonly #departures: Departures<Item, Result>;

  constructor(settings: DispatcherSettings<Item, Result>) {
    this.#settings = settings;
    this.#departures = new Departures(settings, (batch) => {
      this.waiting -= batch.calls;
      batch.lane.waiting -= batch.calls;
      settings.send(batch);
    });
    if (!settings.isGrouped) this.#lanes.set(undefined, this.onlyLane);
    this.#maxSize = settings.maxSize;
    this.#maxBytes = settings.maxBytes;
    this.#maxWaiting = settings.maxWaiting;
  }

  get isFull(): boolean {
    return this.waiting >= this.#maxWaiting;
  }

  get inFlight(): Line<Batch<Item, Result>> {
    return this.#departures.inFlight;
  }

  get slotsTaken(): number {
    return this.#departures.slotsTaken;
  }

  /** The lane of a group. */
  lane(group: unknown): Lane<Item, Result> {
    let lane = this.#lanes.get(group);
    if (!lane) {
      lane = new Lane(group);
      this.#lanes.set(group, lane);
    }
    return lane;
  }

  /** Puts an item into the lane's last batch, or a new one. Throws `QueueFullError`. */
  board(
    lane: Lane<Item, Result>,
    item: Item,
    answer: Answer<Result>,
    bytes = 0,
  ): Batch<Item, Result> {
    if (this.waiting >= this.#maxWaiting) this.#makeRoom(lane);
    let batch = lane.open;
    if (!batch || (bytes > 0 && batch.bytes + bytes > this.#maxBytes)) batch = this.#begin(lane);
    if (bytes > 0) this.#weigh(batch, bytes);
    batch.items.push(item);
    batch.answers.push(answer);
    // As #count does; a call less on the path of every item.
    batch.calls += 1;
    lane.waiting += 1;
    this.waiting += 1;
    const isHeavy = bytes > 0 && batch.bytes >= this.#maxBytes;
    if (isHeavy || batch.items.length >= this.#maxSize) this.#cut(batch);
    return batch;
  }

  /** One more call waits for an item of the batch. Throws `QueueFullError`. */
  join(batch: Batch<Item, Result>): void {
    if (this.isFull) this.#makeRoom(batch.lane);
    this.#count(batch);
  }

  /** The batch of the lane that takes items. */
  current(lane: Lane<Item, Result>): Batch<Item, Result> {
    return lane.open ?? this.#begin(lane);
  }

  /** A caller is gone. With `answer`, it was the last one who waited for that item. */
  lose(batch: Batch<Item, Result>, answer: Answer<Result> | undefined, reason: unknown): void {
    if (batch.hasLeft) {
      batch.calls -= 1;
      if (answer) batch.forget(answer);
      if (batch.calls > 0) return;
      batch.context?.abort(reason);
      batch.finish();
      return;
    }
    this.#uncount(batch, 1);
    if (answer) this.#takeOut(batch, answer);
  }

  /** Lets all that waits leave as soon as slots allow; returns it. */
  ripenAll(): Batch<Item, Result>[] {
    const batches = this.#queued();
    for (const batch of batches) this.#departures.ripen(batch, 'soon');
    return batches;
  }

  /** A batch that was sent is settled: its slot is free. */
  arrived(batch: Batch<Item, Result>): void {
    batch.finish();
    this.#departures.arrived(batch);
    this.#dropIfIdle(batch.lane);
  }

  /** Gives up all that waits or is in flight. `reject` answers the callers of a batch. */
  abandonAll(reject: (batch: Batch<Item, Result>) => void): void {
    for (const batch of this.#queued()) {
      this.#uncount(batch, batch.calls);
      reject(batch);
      this.#dismiss(batch);
    }
    for (const batch of this.inFlight) {
      reject(batch);
      batch.finish();
    }
  }

  #queued(): Batch<Item, Result>[] {
    return [...this.#lanes.values()].flatMap((lane) => [...lane.batches()]);
  }

  #begin(lane: Lane<Item, Result>): Batch<Item, Result> {
    const { clock, wait } = this.#settings;
    if (lane.open) this.#cut(lane.open);
    const batch = new Batch(lane, clock.now());
    lane.open = batch;
    if (wait) batch.stopWaiting = wait(() => this.#departures.ripen(batch, 'now'));
    else this.#departures.ripen(batch, 'soon');
    return batch;
  }

  #weigh(batch: Batch<Item, Result>, bytes: number): void {
    batch.sizes ??= [];
    batch.sizes[batch.items.length] = bytes;
    batch.bytes += bytes;
  }

  #count(batch: Batch<Item, Result>): void {
    batch.calls += 1;
    batch.lane.waiting += 1;
    this.waiting += 1;
  }

  /** Calls of a batch that has not left wait no more. */
  #uncount(batch: Batch<Item, Result>, calls: number): void {
    batch.calls -= calls;
    batch.lane.waiting -= calls;
    this.waiting -= calls;
  }

  /** The batch takes no more items. */
  #cut(batch: Batch<Item, Result>): void {
    batch.lane.open = undefined;
    if (this.#settings.leaveWhenFull) this.#departures.ripen(batch, 'soon');
  }

  #takeOut(batch: Batch<Item, Result>, answer: Answer<Result>): void {
    batch.remove(answer);
    if (batch.items.length === 0) this.#dismiss(batch);
  }

  /** Forgets a batch that has not left. */
  #dismiss(batch: Batch<Item, Result>): void {
    this.#departures.cancel(batch);
    batch.finish();
    this.#dropIfIdle(batch.lane);
  }

  /** Buffer stealing, as fair queueing has it: the group that holds most gives way to one that holds little. */
  #makeRoom(lane: Lane<Item, Result>): void {
    const { name, maxWaiting } = this.#settings;
    const full = new QueueFullError(name, maxWaiting);
    this.refused += 1;
    if (lane.waiting + 1 > maxWaiting / this.#lanes.size) {
      this.#dropIfIdle(lane);
      throw full;
    }
    const longest = [...this.#lanes.values()].reduce((a, b) => (b.waiting > a.waiting ? b : a));
    const batch = longest.open ?? longest.ripe.last;
    const answer = batch?.answers.at(-1);
    if (!batch || !answer) throw full;
    this.refused += answer.calls - 1;
    this.#uncount(batch, answer.calls);
    this.#takeOut(batch, answer);
    answer.reject(full);
  }

  /** Groups come and go; only those with something to do are kept. */
  #dropIfIdle(lane: Lane<Item, Result>): void {
    if (this.#settings.isGrouped && lane.isIdle) this.#lanes.delete(lane.group);
  }
}
