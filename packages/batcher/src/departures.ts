import type { Batch } from './batch.ts';
import { Bell, type Clock } from './clock.ts';
import type { Lane } from './lane.ts';
import { Line } from './line.ts';
import { Pace } from './pace.ts';

export interface DeparturesSettings {
  /** Batches in flight at most: the slots. */
  readonly concurrency: number;
  readonly clock: Required<Clock>;
  /** Batches hold items of one group only. */
  readonly isGrouped: boolean;
}

/** Decides when a batch leaves: when it is ripe, a slot is free and it is the turn of its lane. */
export class Departures<Item, Result> {
  readonly inFlight: Line<Batch<Item, Result>> = new Line();
  slotsTaken = 0;
  readonly #settings: DeparturesSettings;
  readonly #leave: (batch: Batch<Item, Result>) => void;
  /** Lanes that have a ripe batch and may send it, in the order of their turn. */
  readonly #turns = new Line<Lane<Item, Result>>();
  readonly #pace: Pace;
  /** Made when it is first rung: a loader that lives for one request may never need it. */
  #bell: Bell | undefined;
  #isHeldBack = false;

  /** @param leave called with each batch that leaves, never inside of `ripen`, unless the tick is over */
  constructor(settings: DeparturesSettings, leave: (batch: Batch<Item, Result>) => void) {
    this.#settings = settings;
    this.#leave = leave;
    this.#pace = new Pace(settings.concurrency);
  }

  /** Lets a batch leave when there is a slot for it; not before the end of the tick, unless that is now. */
  ripen(batch: Batch<Item, Result>, when: 'soon' | 'now'): void {
    const { lane } = batch;
    if (!(batch.isRipe || batch.hasLeft)) {
      batch.isRipe = true;
      batch.stopWaiting?.();
      lane.ripe.push(batch);
      this.#call(lane);
    }
    if (when === 'now') this.#pump();
    else this.#pumpSoon();
  }

  /** A batch that left is settled: its slot is free. */
  arrived(batch: Batch<Item, Result>): void {
    const { lane } = batch;
    this.inFlight.remove(batch);
    this.slotsTaken -= 1;
    this.#pace.arrived(batch.leftAtMs, this.#settings.clock.now());
    lane.inFlight -= 1;
    this.#call(lane);
    if (this.#turns.first) this.#pumpSoon();
  }

  /** A batch will not leave. */
  cancel(batch: Batch<Item, Result>): void {
    const { lane } = batch;
    batch.hasLeft = true;
    batch.stopWaiting?.();
    if (batch.isRipe) lane.ripe.remove(batch);
    if (lane.open === batch) lane.open = undefined;
    if (lane.isCalled && !lane.ripe.first) this.#uncall(lane);
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
      if (batch) this.#send(batch, nowMs);
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

  #send(batch: Batch<Item, Result>, nowMs: number): void {
    const { lane } = batch;
    batch.hasLeft = true;
    batch.leftAtMs = nowMs;
    if (!this.#pace.isCalm) this.#pace.left(nowMs);
    lane.ripe.remove(batch);
    if (lane.open === batch) lane.open = undefined;
    lane.inFlight += 1;
    this.inFlight.push(batch);
    this.slotsTaken += 1;
    this.#leave(batch);
  }
}
