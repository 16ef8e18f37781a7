import { type Answer, Batch } from './batch.ts';
import { Bell, type Clock } from './clock.ts';
import { QueueFullError } from './errors.ts';
import { Lane } from './lane.ts';
import { Line } from './line.ts';
import { Pace } from './pace.ts';

export interface DispatcherSettings<Item, Result> {
  readonly name: string;
  readonly maxSize: number;
  readonly maxBytes: number;
  /** Batches in flight at most: the slots. */
  readonly concurrency: number;
  /** Calls that may wait; `Infinity` refuses nobody. */
  readonly maxWaiting: number;
  readonly clock: Required<Clock>;
  /**
   * Calls `ripen` when a new batch has waited long enough for company; returns how to call that off.
   * Without it, no batch waits for any beyond its tick.
   */
  readonly wait: ((ripen: () => void) => (() => void) | undefined) | undefined;
  /** Batches hold items of one group only. */
  readonly isGrouped: boolean;
  /** A full batch need not wait any longer. */
  readonly leaveWhenFull: boolean;
  readonly sender: BatchSender<Item, Result>;
}

export interface BatchSender<Item, Result> {
  /** Sends the batch. When it is settled, later, the dispatcher's `arrived` has to be told. */
  send(batch: Batch<Item, Result>): void;
}

/**
 * Decides which item goes into which batch, and when a batch leaves: when it is ripe (full, or its
 * first item has waited long enough) and a slot is free. It knows nothing of what is sent or answered.
 */
export class Dispatcher<Item, Result> {
  /** Calls in batches that have not left. */
  waiting = 0;
  /** Calls that found no room, or gave theirs to another group. */
  refused = 0;
  /** The lane of all items, unless they are grouped. */
  readonly onlyLane: Lane<Item, Result> = new Lane(undefined);
  readonly inFlight: Line<Batch<Item, Result>> = new Line();
  slotsTaken = 0;
  readonly #settings: DispatcherSettings<Item, Result>;
  readonly #maxSize: number;
  readonly #maxBytes: number;
  readonly #maxWaiting: number;
  readonly #lanes = new Map<unknown, Lane<Item, Result>>();
  /** Lanes that have a ripe batch and may send it, in the order of their turn. */
  readonly #turns = new Line<Lane<Item, Result>>();
  readonly #pace: Pace;
  /** Made when it is first rung: a loader that lives for one request may never need it. */
  #bell: Bell | undefined;
  #isHeldBack = false;

  constructor(settings: DispatcherSettings<Item, Result>) {
    this.#settings = settings;
    this.#pace = new Pace(settings.concurrency);
    if (!settings.isGrouped) this.#lanes.set(undefined, this.onlyLane);
    this.#maxSize = settings.maxSize;
    this.#maxBytes = settings.maxBytes;
    this.#maxWaiting = settings.maxWaiting;
  }

  get isFull(): boolean {
    return this.waiting >= this.#maxWaiting;
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
    for (const batch of batches) this.#ripen(batch);
    this.#pumpSoon();
    return batches;
  }

  /** A batch that was sent is settled: its slot is free. */
  arrived(batch: Batch<Item, Result>): void {
    const { lane } = batch;
    this.inFlight.remove(batch);
    this.slotsTaken -= 1;
    this.#pace.arrived(batch.leftAtMs, this.#settings.clock.now());
    lane.inFlight -= 1;
    batch.finish();
    this.#call(lane);
    this.#dropIfIdle(lane);
    if (this.#turns.first) this.#pumpSoon();
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
    if (wait) {
      batch.stopWaiting = wait(() => {
        this.#ripen(batch);
        this.#pump();
      });
    } else {
      // As #ripen does; a call less where a lone item waits for it.
      batch.isRipe = true;
      lane.ripe.push(batch);
      this.#call(lane);
      this.#pumpSoon();
    }
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
    if (!this.#settings.leaveWhenFull) return;
    this.#ripen(batch);
    this.#pumpSoon();
  }

  #ripen(batch: Batch<Item, Result>): void {
    if (batch.isRipe || batch.hasLeft) return;
    batch.isRipe = true;
    batch.stopWaiting?.();
    batch.lane.ripe.push(batch);
    this.#call(batch.lane);
  }

  /**
   * Not at once: `process` never runs inside of somebody's `add`, and what callers add in answer to
   * their results leaves with the next batch.
   */
  #pumpSoon(): void {
    this.#bell ??= new Bell(() => this.#pump());
    this.#bell.ring();
  }

  /** Gives the lane a turn if it has something to send. */
  #call(lane: Lane<Item, Result>): void {
    if (lane.isCalled || !lane.ripe.first) return;
    if (this.#settings.isGrouped && this.#holdsEnough(lane)) return;
    lane.isCalled = true;
    this.#turns.push(lane);
  }

  #uncall(lane: Lane<Item, Result>): void {
    lane.isCalled = false;
    this.#turns.remove(lane);
  }

  /** One group of several leaves a slot to the others, so that they go on while its batches hang. */
  #holdsEnough(lane: Lane<Item, Result>): boolean {
    return lane.inFlight >= Math.max(1, this.#settings.concurrency - 1);
  }

  #pump(): void {
    for (let lane = this.#turns.first; lane; lane = this.#turns.first) {
      const batch = lane.ripe.first;
      if (this.slotsTaken >= this.#settings.concurrency) {
        this.#pace.crowded();
        return;
      }
      const nowMs = this.#settings.clock.now();
      const isFree = this.#pace.isCalm || lane.open !== batch;
      const waitMs = isFree ? 0 : this.#pace.waitMs(nowMs);
      if (waitMs > 0) {
        this.#holdBack(waitMs);
        return;
      }
      this.#uncall(lane);
      if (batch) this.#leave(batch, nowMs);
      if (lane.ripe.first) this.#call(lane);
    }
  }

  /** A batch that can still grow does so for the sake of even distances. */
  #holdBack(waitMs: number): void {
    if (this.#isHeldBack) return;
    this.#isHeldBack = true;
    this.#settings.clock.after(waitMs, () => {
      this.#isHeldBack = false;
      this.#pump();
    });
  }

  #leave(batch: Batch<Item, Result>, nowMs: number): void {
    const { lane } = batch;
    batch.hasLeft = true;
    batch.leftAtMs = nowMs;
    if (!this.#pace.isCalm) this.#pace.left(nowMs);
    lane.ripe.remove(batch);
    if (lane.open === batch) lane.open = undefined;
    this.waiting -= batch.calls;
    lane.waiting -= batch.calls;
    lane.inFlight += 1;
    this.inFlight.push(batch);
    this.slotsTaken += 1;
    this.#settings.sender.send(batch);
  }

  #takeOut(batch: Batch<Item, Result>, answer: Answer<Result>): void {
    batch.remove(answer);
    if (batch.items.length === 0) this.#dismiss(batch);
  }

  /** Forgets a batch that has not left. */
  #dismiss(batch: Batch<Item, Result>): void {
    const { lane } = batch;
    batch.hasLeft = true;
    batch.stopWaiting?.();
    if (batch.isRipe) lane.ripe.remove(batch);
    if (lane.open === batch) lane.open = undefined;
    if (lane.isCalled && !lane.ripe.first) this.#uncall(lane);
    batch.finish();
    this.#dropIfIdle(lane);
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
