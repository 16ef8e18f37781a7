import type { StoredRecord } from '../record.ts';
import type { HeldPartition } from './held-partition.ts';
import type { Lane } from './lanes.ts';
import type { Mark } from './watermark.ts';

/** A record that was read and is not finished. */
export class Arrival implements Mark {
  readonly record: StoredRecord;
  readonly bytes: number;
  isDone = false;

  constructor(record: StoredRecord) {
    this.record = record;
    this.bytes = bytesOf(record);
  }

  get offset(): number {
    return this.record.offset;
  }
}

/** What goes to the handler in one call: a message, or a batch of them. */
export class Task {
  readonly held: HeldPartition;
  readonly lane: Lane;
  readonly arrivals: Arrival[];
  /** How often the handler was called for it. */
  attempts = 0;
  /** Behind it in its lane. */
  next: Task | undefined;
  /** When a batch leaves even if it is not full, in ms of the clock. */
  readonly ripeMs: number;

  constructor(held: HeldPartition, lane: Lane, arrivals: Arrival[], ripeMs = 0) {
    this.held = held;
    this.lane = lane;
    this.arrivals = arrivals;
    this.ripeMs = ripeMs;
  }

  /** The only record, or the first of a batch. */
  get first(): Arrival {
    const [first] = this.arrivals;
    if (!first) throw new RangeError('a task has at least one record');
    return first;
  }

  get last(): Arrival {
    return this.arrivals.at(-1) ?? this.first;
  }

  /** Some of its records, to be called for anew as often as the whole was, but for the last call. */
  part(arrivals: Arrival[]): Task {
    const part = new Task(this.held, this.lane, arrivals);
    part.attempts = this.attempts - 1;
    return part;
  }
}

/** What a record costs to keep, about. */
function bytesOf({ key, value, headers }: StoredRecord): number {
  let bytes = 64 + (key?.byteLength ?? 0) + (value?.byteLength ?? 0);
  for (const [name, content] of headers) bytes += name.length + (content?.byteLength ?? 0);
  return bytes;
}
