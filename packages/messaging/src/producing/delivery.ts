import type { PendingRecord } from '../driver.ts';
import { SendError } from '../errors.ts';
import type { RawHeader, RawRecord } from '../record.ts';
import type { Standing } from './line.ts';
import { type Abortable, unwatch } from './signals.ts';

/** Where a message was written. */
export interface Sent {
  readonly partition: number;
  /** Undefined when the broker knew it from an earlier attempt and no longer said where it is. */
  readonly offset: number | undefined;
}

/** Who keeps the books of deliveries. */
export interface DeliveryDesk {
  /** The driver has answered. */
  answered(delivery: Delivery, failure: Error | undefined): void;
  /** Its caller has taken it back. */
  aborted(delivery: Delivery): void;
}

/** What all deliveries that were accepted between two calls of `flush` count down. */
export interface Cohort {
  open: number;
  readonly done: PromiseWithResolvers<void>;
}

/** What a delivery is made of. */
export interface DeliveryParts {
  readonly topic: string;
  readonly record: RawRecord;
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly desk: DeliveryDesk;
  readonly cohort: Cohort;
  readonly resolve: (sent: Sent) => void;
  readonly reject: (reason: unknown) => void;
}

/** A record on its way, and whoever waits for it. */
export class Delivery implements PendingRecord, Abortable, Standing<Delivery> {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RawHeader[];
  readonly timestamp: number;
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly topic: string;
  /** What the caller asked for, later what was chosen. */
  partition: number | undefined = undefined;
  /** Counts towards the room of the queue. */
  hasRoom = false;
  isTaken = false;
  isSettled = false;
  signal: AbortSignal | undefined = undefined;
  readonly cohort: Cohort;
  line: Standing<Delivery>['line'] = undefined;
  ahead: Delivery | undefined = undefined;
  behind: Delivery | undefined = undefined;
  readonly #desk: DeliveryDesk;
  readonly #resolve: (sent: Sent) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(parts: DeliveryParts) {
    const { record } = parts;
    this.key = record.key;
    this.value = record.value;
    this.headers = record.headers;
    this.timestamp = record.timestamp;
    this.bytes = parts.bytes;
    this.deadlineMs = parts.deadlineMs;
    this.topic = parts.topic;
    this.cohort = parts.cohort;
    this.#desk = parts.desk;
    this.#resolve = parts.resolve;
    this.#reject = parts.reject;
  }

  written(offset: number | undefined): void {
    if (!this.#settle()) return;
    this.#desk.answered(this, undefined);
    this.#resolve({ partition: this.partition ?? -1, offset });
  }

  failed(cause: Error, maybeWritten: boolean): void {
    if (!this.#settle()) return;
    const { topic, partition } = this;
    const failure = new SendError(topic, cause.message, { partition, maybeWritten, cause });
    this.#desk.answered(this, failure);
    this.#reject(failure);
  }

  /** It never left: whoever calls this has done the books. */
  giveUp(reason: unknown): void {
    if (this.#settle()) this.#reject(reason);
  }

  /** The caller's signal: before it was taken it is not sent, afterwards only the caller leaves. */
  abort(reason: unknown): void {
    if (this.signal) unwatch(this.signal, this);
    this.signal = undefined;
    if (!this.isTaken) {
      this.isSettled = true;
      this.#desk.aborted(this);
    }
    this.#reject(reason);
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    if (this.signal) unwatch(this.signal, this);
    this.signal = undefined;
    return true;
  }
}

/** Of a record of Kafka's format 2: its lengths, deltas and attributes, each at its longest. */
const RECORD_OVERHEAD = 36;
/** The two lengths of a header. */
const HEADER_OVERHEAD = 10;

/** How many bytes a record takes in a batch, at most. */
export function recordBytes({ key, value, headers }: RawRecord): number {
  let bytes = RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, content] of headers) {
    bytes += HEADER_OVERHEAD + Buffer.byteLength(name) + (content?.length ?? 0);
  }
  return bytes;
}
