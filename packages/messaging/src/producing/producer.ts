import { type Clock, settledWithin } from '../clock.ts';
import type { DriverProducer } from '../driver.ts';
import { MessageTooLargeError, MessagingClosedError, SendError } from '../errors.ts';
import type { RawRecord } from '../record.ts';
import type { Backlog } from './backlog.ts';
import { type Cohort, Delivery, type DeliveryDesk, recordBytes, type Sent } from './delivery.ts';
import { Dispatch } from './dispatch.ts';
import { Expiry } from './expiry.ts';
import { Line } from './line.ts';
import { Placement } from './placement.ts';
import type { ResolvedProducerOptions } from './producer-options.ts';
import { Room } from './room.ts';
import { watch } from './signals.ts';

/** What `write` takes beside the record. */
export interface WriteOptions {
  /** Default: that of the key by murmur2; without a key any, another one for each batch. */
  readonly partition?: number | undefined;
  /**
   * Takes the record back. Before the driver takes it, it is not written; afterwards only the caller
   * stops waiting. Either way rejects with `signal.reason`.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * The most that the record may take in a batch. Default no limit, so that what somebody else wrote can be
   * moved to a retry or dead-letter topic, with some more headers.
   */
  readonly maxBytes?: number;
  /** When it is given up, in ms of the clock. Default: `deliveryTimeoutMs` from now. */
  readonly deadlineMs?: number;
}

/** What became of messages. */
export interface ProducerStats {
  /** Messages that were accepted, since the start. */
  readonly accepted: number;
  /** Those that were written. */
  readonly written: number;
  /** Those that were given up. */
  readonly failed: number;
  /** Those that their callers took back before the driver had them. */
  readonly aborted: number;
  /** Messages that found no room; they are not among the accepted. */
  readonly refused: number;
  /** Messages that wait for the driver now. */
  readonly queued: number;
  /** Messages that the driver has now. */
  readonly inFlight: number;
  /** Messages that wait for room now. */
  readonly waitingForRoom: number;
  /** What those queued and in flight take. */
  readonly bytes: number;
}

/** What a producer is made of. */
export interface ProducerParts {
  /** The name of the messaging, for errors. */
  readonly name: string;
  readonly driver: DriverProducer;
  readonly options: ResolvedProducerOptions;
  readonly clock: Clock;
}

/** How long the driver may take to end, once the time of `close` is over. */
const CLOSE_GRACE_MS = 1_000;
/** A delivery that takes longer is a sign of trouble. */
const SLOW_MS = 5_000;

/**
 * Collects records by partition until the driver takes them, within the bounds of its queue and of
 * each record's time. Every record gets exactly one answer.
 */
export class Producer implements DeliveryDesk {
  readonly #parts: ProducerParts;
  readonly #room: Room;
  readonly #placement: Placement;
  readonly #dispatch: Dispatch;
  readonly #expiry: Expiry;
  readonly #inFlight = new Line<Delivery>();
  /** How many are accepted that the driver has not taken. */
  #untaken = 0;
  /** Those accepted since the last flush, and the end of all before. */
  #cohort: Cohort = newCohort();
  #earlier: Promise<unknown> = Promise.resolve();
  readonly #counts = { accepted: 0, written: 0, failed: 0, aborted: 0, refused: 0 };
  readonly #ended = new AbortController();
  #closing: Promise<void> | undefined;
  /** Of the latest answer, if it was one. */
  #failure: Error | undefined;

  constructor(parts: ProducerParts) {
    const { driver, options, clock } = parts;
    this.#parts = parts;
    this.#room = new Room(options.queue, (delivery) => this.#placement.place(delivery));
    this.#placement = new Placement({
      ...{ driver, clock, maxBatchBytes: options.maxBatchBytes, ended: this.#ended.signal },
      onTake: (backlog, taken) => this.#taken(backlog, taken),
      onPlaced: (backlog) => this.#dispatch.list(backlog),
      onMisplaced: (delivery, error) => this.#giveUp(delivery, error),
    });
    this.#dispatch = new Dispatch({
      ...{ clock, lingerMs: options.lingerMs, maxBatchBytes: options.maxBatchBytes },
      offer: (backlog) => driver.offer(backlog),
      onTick: () => this.#expiry.set(),
    });
    this.#expiry = new Expiry({
      clock,
      lines: () => this.#lines(),
      onExpired: (delivery) => this.#expired(delivery),
    });
  }

  /**
   * Resolves when the record is in the log.
   *
   * @throws (as a rejection) SendError when it was accepted and not delivered; before that
   * QueueFullError, MessageTooLargeError, MessagingClosedError, `signal.reason`, and RangeError when
   * the topic has no such partition
   */
  write(topic: string, record: RawRecord, options: WriteOptions = {}): Promise<Sent> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      if (this.#closing) throw new MessagingClosedError(this.#parts.name);
      const { clock, options: settings } = this.#parts;
      const bytes = checkedBytes(topic, record, options.maxBytes);
      const { deadlineMs = clock.now() + settings.deliveryTimeoutMs } = options;
      const cohort = this.#cohort;
      const parts = { topic, record, bytes, deadlineMs, desk: this, cohort, resolve, reject };
      const delivery = new Delivery(parts);
      delivery.partition = options.partition;
      this.#accept(delivery, options.signal);
    });
  }

  /** Offers all that waits, and resolves when what was accepted before has its answer, whichever. */
  async flush(): Promise<void> {
    const cohort = this.#cohort;
    this.#cohort = newCohort();
    if (cohort.open === 0) cohort.done.resolve();
    this.#earlier = Promise.all([this.#earlier, cohort.done.promise]);
    this.#dispatch.offerAll();
    await this.#earlier;
  }

  /**
   * Accepts no more, delivers what was accepted, and ends the driver's producer. Never rejects.
   *
   * @param timeoutMs after so long what is not delivered fails, each with a SendError that says whether it may be written
   */
  close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  stats(): ProducerStats {
    return {
      ...this.#counts,
      queued: this.#untaken - this.#room.waiting.size,
      inFlight: this.#inFlight.size,
      waitingForRoom: this.#room.waiting.size,
      bytes: this.#room.bytes,
    };
  }

  /** What is wrong now, in words. */
  troubles(): string[] {
    const { queue, deliveryTimeoutMs } = this.#parts.options;
    const { records, bytes, waiting } = this.#room;
    const reasons: string[] = [];
    const ageMs = this.#parts.clock.now() + deliveryTimeoutMs - this.#oldestDeadlineMs();
    if (ageMs > SLOW_MS) reasons.push(`a message waits for delivery since ${Math.round(ageMs)} ms`);
    if (records >= queue.max || waiting.size > 0) {
      reasons.push(`the queue is full: ${records} messages, ${bytes} bytes`);
    }
    if (this.#failure) reasons.push(`the last delivery failed: ${this.#failure.message}`);
    return reasons;
  }

  /** For a `Delivery`: the driver has answered. */
  answered(delivery: Delivery, failure: Error | undefined): void {
    this.#counts[failure ? 'failed' : 'written'] += 1;
    this.#failure = failure;
    this.#forget(delivery);
  }

  /** For a `Delivery`: its caller has taken it back. */
  aborted(delivery: Delivery): void {
    this.#counts.aborted += 1;
    this.#forget(delivery);
  }

  #accept(delivery: Delivery, signal: AbortSignal | undefined): void {
    try {
      this.#room.check(delivery);
    } catch (error) {
      this.#counts.refused += 1;
      throw error;
    }
    this.#counts.accepted += 1;
    this.#untaken += 1;
    delivery.cohort.open += 1;
    if (signal) {
      delivery.signal = signal;
      watch(signal, delivery);
    }
    this.#room.enter(delivery);
    this.#dispatch.wake();
  }

  #taken(backlog: Backlog, taken: readonly Delivery[]): void {
    for (const delivery of taken) this.#inFlight.push(delivery);
    this.#untaken -= taken.length;
    if (this.#untaken === 0) this.#expiry.callOff();
    if (backlog.line.size > 0) this.#dispatch.list(backlog);
  }

  /** Does the books of a delivery that is at its end. */
  #forget(delivery: Delivery): void {
    delivery.line?.remove(delivery);
    if (!delivery.isTaken) this.#untaken -= 1;
    if (this.#untaken === 0) this.#expiry.callOff();
    const { cohort } = delivery;
    cohort.open -= 1;
    if (cohort.open === 0 && cohort !== this.#cohort) cohort.done.resolve();
    this.#room.leave(delivery);
  }

  /** It will never leave. */
  #giveUp(delivery: Delivery, reason: unknown): void {
    this.#counts.failed += 1;
    this.#forget(delivery);
    delivery.giveUp(reason);
  }

  #expired(delivery: Delivery): void {
    const { topic, partition } = delivery;
    const why = `it was not delivered within ${this.#parts.options.deliveryTimeoutMs} ms`;
    this.#failure = new SendError(topic, why, { partition, maybeWritten: false });
    this.#giveUp(delivery, this.#failure);
  }

  #oldestDeadlineMs(): number {
    let oldestMs = this.#inFlight.first?.deadlineMs ?? Number.POSITIVE_INFINITY;
    for (const { first } of this.#lines()) {
      if (first) oldestMs = Math.min(oldestMs, first.deadlineMs);
    }
    return oldestMs;
  }

  /** Everything that the driver has not taken. */
  *#lines(): Generator<Line<Delivery>, void> {
    yield this.#room.waiting;
    yield* this.#placement.lines();
  }

  async #close(timeoutMs: number): Promise<void> {
    const { clock, driver } = this.#parts;
    await settledWithin(clock, timeoutMs, this.flush());
    const cause = new MessagingClosedError(this.#parts.name);
    for (const line of this.#lines()) {
      for (let next = line.first; next; next = line.first) {
        const { topic, partition } = next;
        const facts = { partition, maybeWritten: false, cause };
        this.#giveUp(next, new SendError(topic, cause.message, facts));
      }
    }
    this.#ended.abort(cause);
    await settledWithin(clock, CLOSE_GRACE_MS, (async () => driver.close())());
    // A driver that ends has told the truth about each; what it says nothing about, nobody knows.
    for (let next = this.#inFlight.first; next; next = this.#inFlight.first) {
      next.failed(cause, true);
    }
  }
}

function newCohort(): Cohort {
  return { open: 0, done: Promise.withResolvers() };
}

/** @throws MessageTooLargeError */
function checkedBytes(
  topic: string,
  record: RawRecord,
  maxBytes = Number.POSITIVE_INFINITY,
): number {
  const bytes = recordBytes(record);
  if (bytes > maxBytes) throw new MessageTooLargeError(topic, bytes, maxBytes);
  return bytes;
}
