import { type Clock, settledWithin } from '../clock.ts';
import type { Assignment, ConsumerListener, DriverConsumer, Position } from '../driver.ts';
import { PartitionLostError } from '../errors.ts';
import type { StoredRecord, TopicPartition } from '../record.ts';
import { Committer } from './committer.ts';
import { DelayGate } from './delay-gate.ts';
import { reasonOf } from './failures.ts';
import { type FlowLimits, wantsPause } from './flow.ts';
import type { Handling } from './handling.ts';
import { HeldPartition } from './held-partition.ts';
import { Arrival } from './task.ts';
import type { Troubles } from './troubles.ts';

export interface SessionParts {
  readonly consumer: DriverConsumer;
  readonly handling: Handling;
  /** Any other topic of the consumer is a retry topic. */
  readonly topic: string;
  readonly clock: Clock;
  readonly limits: FlowLimits;
  /** The longest back-off of a retry topic. */
  readonly longestRetryMs: number;
  readonly commitIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly troubles: Troubles;
  readonly random: () => number;
  /** Partitions are read: the subscription is up. */
  readonly assigned: () => void;
}

/** How long what the driver says of itself counts as trouble, in ms. */
const TROUBLE_MS = 30_000;

/** How long a partition that is given up goes on with what was overtaken, at most, in ms. */
const MAX_FILL_MS = 5_000;

/** What a member of a group holds and does, from joining to leaving. */
export class Session implements ConsumerListener {
  readonly #parts: SessionParts;
  readonly #committer: Committer;
  readonly #held = new Map<string, HeldPartition>();
  readonly #gates = new Map<HeldPartition, DelayGate>();
  #stopByMs = Number.POSITIVE_INFINITY;
  #forgetTrouble: (() => void) | undefined;
  #isOver = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { consumer, clock, commitIntervalMs: intervalMs, troubles, random } = parts;
    const committed = (held: HeldPartition) => this.#steer(held);
    this.#committer = new Committer({ consumer, clock, intervalMs, troubles, random, committed });
  }

  /** What is held now. */
  get held(): Iterable<HeldPartition> {
    return this.#held.values();
  }

  /** Reads until `stop`; rejects when the consumer crashed. Nothing is held afterwards. */
  async run(): Promise<void> {
    try {
      await this.#parts.consumer.run(this);
    } finally {
      this.end();
    }
  }

  /** Leaves the group; what is under way has so long to end, in ms. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopByMs = this.#parts.clock.now() + timeoutMs;
    await this.#parts.consumer.stop();
  }

  /** Whatever is still held is not ours any more. */
  end(): void {
    this.#isOver = true;
    for (const held of this.#held.values()) this.#lose(held);
    this.#held.clear();
    this.#committer.stop();
    this.#forgetTrouble?.();
    this.#parts.troubles.clear(this);
  }

  /** Reads partitions that are held from other offsets on; returns those that are. */
  seek(positions: readonly Position[]): Position[] {
    const sought = positions.filter((position) => this.#held.has(idOf(position)));
    for (const position of sought) {
      const old = this.#held.get(idOf(position));
      if (old) this.#lose(old);
      const held = this.#hold(position, position.offset);
      this.#parts.consumer.seek(held, position.offset);
      if (old?.isPaused) this.#parts.consumer.resume([held]);
      this.#committer.touch(held);
    }
    return sought;
  }

  assigned({ epoch, partitions }: Assignment): void {
    if (this.#isOver) return;
    // Whatever went wrong on the way here is over.
    this.#parts.troubles.clear(this);
    this.#committer.epoch = epoch;
    for (const at of partitions) if (!this.#held.has(idOf(at))) this.#hold(at);
    this.#parts.assigned();
  }

  async revoking({ partitions }: Assignment): Promise<void> {
    const { clock, rebalanceTimeoutMs } = this.#parts;
    const leaving = this.#those(partitions);
    const limitMs = Math.max(0, Math.min(rebalanceTimeoutMs, this.#stopByMs - clock.now()));
    for (const held of leaving) this.#drain(held);
    const quiet = Promise.all(leaving.map((held) => held.quiet()));
    // A part of the time is for the commit, and for the answer to reach the group.
    const drainMs = limitMs * 0.8;
    const fillMs = Math.min(MAX_FILL_MS, drainMs / 4);
    await settledWithin(clock, fillMs, quiet);
    for (const held of leaving) held.stopFilling();
    await settledWithin(clock, drainMs - fillMs, quiet);
    for (const held of leaving) held.abort(new PartitionLostError(held));
    await settledWithin(clock, (limitMs - drainMs) / 2, this.#committer.finish());
    for (const held of leaving) this.#forget(held);
  }

  lost({ partitions }: Assignment): void {
    for (const held of this.#those(partitions)) this.#forget(held);
  }

  records(at: TopicPartition, records: readonly StoredRecord[], end: number): void {
    const held = this.#held.get(idOf(at));
    if (held?.state !== 'active') return;
    held.end = end;
    const gate = this.#gates.get(held);
    for (const record of records) {
      if (record.offset < held.watermark.next) continue;
      const arrival = new Arrival(record);
      held.add(arrival);
      if (gate) gate.add(arrival);
      else this.#parts.handling.lanes.add(held, arrival);
    }
    this.#steer(held);
  }

  trouble(error: Error): void {
    if (this.#isOver) return;
    const { clock, troubles } = this.#parts;
    troubles.set(this, reasonOf(error));
    this.#forgetTrouble?.();
    this.#forgetTrouble = clock.after(TROUBLE_MS, () => troubles.clear(this));
  }

  #hold(at: TopicPartition, begin?: number): HeldPartition {
    const { clock, topic, handling, longestRetryMs } = this.#parts;
    const isRetry = at.topic !== topic;
    const progressed = (held: HeldPartition, hasMoved: boolean) => {
      if (hasMoved) this.#moved(held);
      this.#steer(held);
    };
    const held = new HeldPartition(at, { clock, isRetry, progressed }, begin);
    this.#held.set(idOf(at), held);
    if (isRetry) {
      const admit = (arrival: Arrival) => handling.lanes.add(held, arrival);
      this.#gates.set(held, new DelayGate(clock, longestRetryMs, admit));
    }
    return held;
  }

  #moved(held: HeldPartition): void {
    this.#committer.touch(held);
    const finished = held.watermark.passed - held.passedCommitted;
    if (finished * 4 >= this.#parts.limits.maxUncommitted) this.#committer.hurry();
  }

  /** Pauses a partition that has enough in the process, and resumes one that has room again. */
  #steer(held: HeldPartition): void {
    if (held.state !== 'active') return;
    const pause = wantsPause(held, this.#parts.limits);
    if (pause === held.isPaused) return;
    held.isPaused = pause;
    const { consumer } = this.#parts;
    if (pause) consumer.pause([held]);
    else consumer.resume([held]);
  }

  /** What waits for another attempt is dropped: it comes again, there or here. */
  #drain(held: HeldPartition): void {
    this.#gates.get(held)?.close();
    for (const task of held.drain()) this.#parts.handling.abandon(task);
  }

  /** Also what is under way does not count any more. */
  #lose(held: HeldPartition): void {
    if (held.state === 'active') this.#drain(held);
    held.state = 'gone';
    this.#parts.handling.lanes.drop(held);
    held.abort(new PartitionLostError(held));
    this.#gates.delete(held);
  }

  #forget(held: HeldPartition): void {
    this.#lose(held);
    this.#held.delete(idOf(held));
  }

  #those(partitions: readonly TopicPartition[]): HeldPartition[] {
    return partitions.flatMap((at) => this.#held.get(idOf(at)) ?? []);
  }
}

function idOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
