import { DriverError } from '../errors.ts';
import type { RawHeader, StoredRecord } from '../record.ts';
import { codecOfId } from './codecs.ts';
import { crc32c } from './crc32c.ts';
import { readInt64 } from './reader.ts';
import { batchHeaderBytes } from './record-batch.ts';
import { type Cursor, readVarint } from './varint.ts';

/** A transaction that was given up, and where it began. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** What a piece of a partition's log says. */
export interface DecodedRecords {
  readonly records: readonly StoredRecord[];
  /** Where reading goes on: after everything that was understood, also what holds no records for us. */
  readonly nextOffset: number;
  /** Why what comes next could not be read. */
  readonly failure?: Error;
}

/**
 * Decodes batches of a log from an offset on. Markers of transactions and what was given up are left out. A
 * batch that cannot be read ends it: nothing is skipped.
 */
export async function decodeBatches(
  bytes: Buffer,
  fromOffset: number,
  aborted: readonly AbortedTransaction[],
): Promise<DecodedRecords> {
  const filter = new TransactionFilter(aborted);
  const records: StoredRecord[] = [];
  let nextOffset = fromOffset;
  try {
    for (const batch of batchesOf(bytes)) {
      if (batch.lastOffset < fromOffset) continue;
      if (filter.isWanted(batch)) await decodeInto(records, batch, fromOffset);
      nextOffset = batch.lastOffset + 1;
    }
  } catch (cause) {
    const failure = new DriverError(`the batch at offset ${nextOffset} cannot be read`, {
      isRetriable: false,
      cause,
    });
    return { records, nextOffset, failure };
  }
  return { records, nextOffset };
}

/** A batch whose records are still encoded. */
interface Batch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
  readonly producerId: bigint;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly count: number;
  readonly body: Buffer;
}

const attribute = { codec: 7, isLogAppendTime: 8, isTransactional: 16, isControl: 32 };

/** Kafka may cut off the last one: it comes again whole with the next read. */
function* batchesOf(bytes: Buffer): Generator<Batch> {
  let at = 0;
  while (at + batchHeaderBytes <= bytes.length) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length) return;
    yield readBatch(bytes.subarray(at, end));
    at = end;
  }
}

function readBatch(bytes: Buffer): Batch {
  const magic = bytes.readInt8(16);
  if (magic !== 2) throw new RangeError(`format ${magic} of records is not known, only 2`);
  if (crc32c(bytes.subarray(21)) !== bytes.readUInt32BE(17)) {
    throw new RangeError('its checksum is wrong');
  }
  const baseOffset = readInt64(bytes, 0);
  return {
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(23),
    attributes: bytes.readInt16BE(21),
    baseTimestamp: readInt64(bytes, 27),
    maxTimestamp: readInt64(bytes, 35),
    producerId: bytes.readBigInt64BE(43),
    count: bytes.readInt32BE(57),
    body: bytes.subarray(batchHeaderBytes),
  };
}

async function decodeInto(records: StoredRecord[], batch: Batch, from: number): Promise<void> {
  const codec = batch.attributes & attribute.codec;
  const bytes = codec === 0 ? batch.body : await (await codecOfId(codec)).decompress(batch.body);
  const cursor = { bytes, at: 0 };
  const decoded: StoredRecord[] = [];
  for (let index = 0; index < batch.count; index += 1) {
    const record = readRecord(cursor, batch);
    if (record.offset >= from) decoded.push(record);
  }
  // A batch counts wholly or not at all.
  for (const record of decoded) records.push(record);
}

function readRecord(cursor: Cursor, batch: Batch): StoredRecord {
  const length = readVarint(cursor);
  const end = cursor.at + length;
  if (end > cursor.bytes.length) throw new RangeError('a record is longer than its batch');
  cursor.at += 1;
  const timestamp = batch.baseTimestamp + readVarint(cursor);
  const offset = batch.baseOffset + readVarint(cursor);
  const key = readBytes(cursor);
  const value = readBytes(cursor);
  const headers = readHeaders(cursor);
  cursor.at = end;
  const isLogAppendTime = (batch.attributes & attribute.isLogAppendTime) !== 0;
  return {
    key,
    value,
    headers,
    offset,
    timestamp: isLogAppendTime ? batch.maxTimestamp : timestamp,
  };
}

function readHeaders(cursor: Cursor): readonly RawHeader[] {
  const count = readVarint(cursor);
  if (count === 0) return noHeaders;
  const headers: RawHeader[] = [];
  for (let index = 0; index < count; index += 1) {
    const name = Buffer.from(readBytes(cursor) ?? []).toString();
    headers.push([name, readBytes(cursor)]);
  }
  return headers;
}

const noHeaders: readonly RawHeader[] = [];

/** Not copied: who keeps one record for long keeps the answer (4 MB at most) that it came in. */
function readBytes(cursor: Cursor): Uint8Array | null {
  const length = readVarint(cursor);
  if (length < 0) return null;
  const end = cursor.at + length;
  if (end > cursor.bytes.length) throw new RangeError('a record is longer than its batch');
  const bytes = cursor.bytes.subarray(cursor.at, end);
  cursor.at = end;
  return bytes;
}

/** Follows the transactions of a log, in its order. */
class TransactionFilter {
  readonly #waiting: AbortedTransaction[];
  readonly #aborted = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  isWanted({ attributes, producerId, lastOffset }: Batch): boolean {
    while (this.#waiting[0] && this.#waiting[0].firstOffset <= lastOffset) {
      this.#aborted.add(this.#waiting[0].producerId);
      this.#waiting.shift();
    }
    if (attributes & attribute.isControl) {
      // The marker that ends the transaction, whichever way.
      this.#aborted.delete(producerId);
      return false;
    }
    return !(attributes & attribute.isTransactional && this.#aborted.has(producerId));
  }
}
