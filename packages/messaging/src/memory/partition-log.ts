import type { Clock } from '../clock.ts';
import { DriverError } from '../errors.ts';
import type { RawRecord, StoredRecord } from '../record.ts';

/** How much a partition keeps: what is over any of these is forgotten, the oldest first, read or not. */
export interface Retention {
  readonly records: number;
  readonly bytes: number;
  /** Since it was appended, in ms. */
  readonly ms: number;
}

/** What identifies a batch, so that it is written once however often it comes. */
export interface BatchId {
  readonly producer: number;
  readonly epoch: number;
  /** Of its first record. */
  readonly sequence: number;
}

interface Entry {
  readonly record: StoredRecord;
  readonly bytes: number;
  readonly atMs: number;
}

interface KnownBatch extends BatchId {
  readonly count: number;
  readonly offset: number;
}

/** As many batches of a producer are remembered as Kafka remembers. */
const knownBatches = 5;
/** A producer that wrote longest ago is forgotten when there are more. */
const knownProducers = 1_000;

/** The records of one partition. */
export class PartitionLog {
  readonly #clock: Clock;
  readonly #retention: Retention;
  readonly #producers = new Map<number, KnownBatch[]>();
  readonly #waiting = new Set<() => void>();
  #entries: Entry[] = [];
  /** Entries before this index are forgotten. */
  #head = 0;
  #bytes = 0;
  #end = 0;

  constructor(clock: Clock, retention: Retention) {
    this.#clock = clock;
    this.#retention = retention;
  }

  /** The offset of the first record that is kept. */
  get start(): number {
    this.#forgetOld();
    return this.#entries[this.#head]?.record.offset ?? this.#end;
  }

  /** The offset that the next record gets. */
  get end(): number {
    return this.#end;
  }

  get size(): { readonly records: number; readonly bytes: number } {
    return { records: this.#entries.length - this.#head, bytes: this.#bytes };
  }

  /**
   * Appends a batch, unless it is there already.
   *
   * @returns the offset of its first record
   * @throws DriverError when a later epoch of the producer has written, or a batch before this one is missing
   */
  append(records: readonly RawRecord[], id: BatchId): number {
    const known = this.#batchesOf(id);
    const same = known.find(({ sequence }) => sequence === id.sequence);
    if (same) return same.offset;
    const offset = this.#end;
    const atMs = this.#clock.now();
    for (const record of records) {
      const stored = { ...copyRecord(record), offset: this.#end };
      this.#entries.push({ record: stored, bytes: bytesOf(record), atMs });
      this.#bytes += bytesOf(record);
      this.#end += 1;
    }
    this.#remember(known, { ...id, count: records.length, offset });
    this.#forgetOld();
    for (const wake of this.#waiting) wake();
    return offset;
  }

  /** Records from that offset on, as copies; at least one if there is any. */
  read(offset: number, maxRecords: number, maxBytes: number): StoredRecord[] {
    this.#forgetOld();
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (let i = this.#indexOf(offset); i < this.#entries.length; i += 1) {
      const entry = this.#entries[i];
      if (!entry || records.length >= maxRecords) break;
      bytes += entry.bytes;
      if (bytes > maxBytes && records.length > 0) break;
      records.push({ ...copyRecord(entry.record), offset: entry.record.offset });
    }
    return records;
  }

  /** The offset of the first record with that time or a later one; the end when there is none. */
  offsetAt(timestamp: number): number {
    this.#forgetOld();
    const found = this.#entries.find(
      ({ record }, i) => i >= this.#head && record.timestamp >= timestamp,
    );
    return found?.record.offset ?? this.#end;
  }

  /** Leaves a gap, as transactions and compaction do. */
  skip(count: number): void {
    this.#end += count;
  }

  /** Calls back on every append until the returned function is called. */
  onAppend(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => void this.#waiting.delete(wake);
  }

  #batchesOf({ producer, epoch, sequence }: BatchId): KnownBatch[] {
    const known = this.#producers.get(producer) ?? [];
    const last = known.at(-1);
    if (!last || epoch > last.epoch) return [];
    if (epoch < last.epoch) throw refused('a later epoch of this producer has written');
    const isKnown = known.some((batch) => batch.sequence === sequence);
    if (!isKnown && sequence !== last.sequence + last.count) {
      throw refused(`sequence ${sequence} does not follow ${last.sequence + last.count - 1}`);
    }
    return known;
  }

  #remember(known: KnownBatch[], batch: KnownBatch): void {
    known.push(batch);
    if (known.length > knownBatches) known.shift();
    this.#producers.delete(batch.producer);
    this.#producers.set(batch.producer, known);
    const [oldest] = this.#producers.keys();
    if (this.#producers.size > knownProducers && oldest !== undefined) {
      this.#producers.delete(oldest);
    }
  }

  #forgetOld(): void {
    const { records, bytes, ms } = this.#retention;
    const sinceMs = this.#clock.now() - ms;
    for (;;) {
      const oldest = this.#entries[this.#head];
      if (!oldest) break;
      const isKept =
        this.#entries.length - this.#head <= records &&
        this.#bytes <= bytes &&
        oldest.atMs >= sinceMs;
      if (isKept) break;
      this.#bytes -= oldest.bytes;
      this.#head += 1;
    }
    // In halves: to shift one by one would move the whole array each time.
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** By bisection: offsets grow, with gaps. */
  #indexOf(offset: number): number {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.record.offset ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function refused(why: string): DriverError {
  return new DriverError(`the broker refused a batch: ${why}`, { isRetriable: false });
}

/** Nobody shares bytes with the log, as nobody does over a network. */
function copyRecord({ key, value, headers, timestamp }: RawRecord): RawRecord {
  return {
    key: copyBytes(key),
    value: copyBytes(value),
    headers: headers.map(([name, bytes]) => [name, copyBytes(bytes)] as const),
    timestamp,
  };
}

function copyBytes(bytes: Uint8Array | null): Uint8Array | null {
  return bytes && Buffer.from(bytes);
}

/** About what it takes in Kafka's log. */
export function bytesOf({ key, value, headers }: RawRecord): number {
  const ofHeaders = headers.reduce(
    (sum, [name, bytes]) => sum + Buffer.byteLength(name) + (bytes?.length ?? 0) + 2,
    0,
  );
  return (key?.length ?? 0) + (value?.length ?? 0) + ofHeaders + 12;
}
