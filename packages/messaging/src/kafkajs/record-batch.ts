import type { RawRecord } from '../record.ts';
import { crc32c } from './crc32c.ts';
import { varintBytes, writeVarint } from './varint.ts';

/** Where the records of a batch of format 2 begin. */
export const batchHeaderBytes = 61;

/** Who wrote a batch, and which of his batches of the partition it is: the broker keeps only the first copy. */
export interface Sequence {
  readonly producerId: bigint;
  readonly epoch: number;
  /** Of its first record. */
  readonly first: number;
}

/** The records of a batch, encoded, with what its header says of them. */
export interface BatchBody {
  readonly count: number;
  readonly firstTimestamp: number;
  readonly maxTimestamp: number;
  readonly codec: number;
  readonly bytes: Buffer;
}

/** At least one record; nothing is compressed yet. */
export function encodeRecords(records: readonly RawRecord[]): BatchBody {
  const firstTimestamp = Math.trunc(records[0]?.timestamp ?? 0);
  const lengths = records.map((record, index) => lengthOf(record, index, firstTimestamp));
  const size = lengths.reduce((sum, length) => sum + varintBytes(length) + length, 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  let maxTimestamp = firstTimestamp;
  for (const [index, record] of records.entries()) {
    at = writeVarint(bytes, at, lengths[index] ?? 0);
    at = writeRecord(bytes, at, record, index, firstTimestamp);
    if (record.timestamp > maxTimestamp) maxTimestamp = Math.trunc(record.timestamp);
  }
  return { count: records.length, firstTimestamp, maxTimestamp, codec: 0, bytes };
}

function lengthOf(record: RawRecord, index: number, firstTimestamp: number): number {
  const { key, value, headers } = record;
  let length = 1 + varintBytes(Math.trunc(record.timestamp) - firstTimestamp) + varintBytes(index);
  length += bytesLength(key) + bytesLength(value) + varintBytes(headers.length);
  for (const [name, content] of headers) {
    const nameBytes = Buffer.byteLength(name);
    length += varintBytes(nameBytes) + nameBytes + bytesLength(content);
  }
  return length;
}

function bytesLength(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintBytes(bytes.length) + bytes.length;
}

function writeRecord(
  target: Buffer,
  start: number,
  record: RawRecord,
  index: number,
  firstTimestamp: number,
): number {
  target[start] = 0;
  let at = writeVarint(target, start + 1, Math.trunc(record.timestamp) - firstTimestamp);
  at = writeVarint(target, at, index);
  at = writeBytes(target, at, record.key);
  at = writeBytes(target, at, record.value);
  at = writeVarint(target, at, record.headers.length);
  for (const [name, content] of record.headers) {
    at = writeVarint(target, at, Buffer.byteLength(name));
    at += target.write(name, at);
    at = writeBytes(target, at, content);
  }
  return at;
}

function writeBytes(target: Buffer, start: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(target, start, -1);
  const at = writeVarint(target, start, bytes.length);
  target.set(bytes, at);
  return at + bytes.length;
}

/** Writes the header before the body, and the body; returns the place after it. */
export function writeBatch(
  target: Buffer,
  start: number,
  body: BatchBody,
  sequence: Sequence,
): number {
  const end = start + batchHeaderBytes + body.bytes.length;
  let at = target.writeBigInt64BE(0n, start);
  at = target.writeInt32BE(end - at - 4, at);
  at = target.writeInt32BE(-1, at);
  at = target.writeInt8(2, at);
  const crcAt = at;
  at = target.writeInt16BE(body.codec, at + 4);
  at = target.writeInt32BE(body.count - 1, at);
  at = target.writeBigInt64BE(BigInt(body.firstTimestamp), at);
  at = target.writeBigInt64BE(BigInt(body.maxTimestamp), at);
  at = target.writeBigInt64BE(sequence.producerId, at);
  at = target.writeInt16BE(sequence.epoch, at);
  at = target.writeInt32BE(sequence.first, at);
  at = target.writeInt32BE(body.count, at);
  body.bytes.copy(target, at);
  target.writeUInt32BE(crc32c(target.subarray(crcAt + 4, end)), crcAt);
  return end;
}
