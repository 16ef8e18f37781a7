import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RawRecord } from '../record.ts';
import { decodeBatches } from './batch-reader.ts';
import { codecOf } from './codecs.ts';
import { crc32c } from './crc32c.ts';
import { batchHeaderBytes, encodeRecords, writeBatch } from './record-batch.ts';
import { readVarint, varintBytes, writeVarint } from './varint.ts';

const source = createRequire(import.meta.url);
const kafkajsCrc: (bytes: Buffer) => number = source('kafkajs/src/protocol/recordBatch/crc32C');
const kafkajsDecode = source('kafkajs/src/protocol/recordBatch/v0/decoder');
const KafkajsDecoder = source('kafkajs/src/protocol/decoder');
const { RecordBatch } = source('kafkajs/src/protocol/recordBatch/v0');
const KafkajsRecord = source('kafkajs/src/protocol/recordBatch/record/v0');

const sequence = { producerId: 42n, epoch: 3, first: 7 };
const none: readonly [] = [];

function batchOf(records: readonly RawRecord[], baseOffset = 0): Buffer {
  const body = encodeRecords(records);
  const bytes = Buffer.alloc(batchHeaderBytes + body.bytes.length);
  writeBatch(bytes, 0, body, sequence);
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  return bytes;
}

function record(text: string | null, parts: Partial<RawRecord> = {}): RawRecord {
  const value = text === null ? null : Buffer.from(text);
  return { key: null, value, headers: [], timestamp: 1_700_000_000_000, ...parts };
}

/** Plain, so that two are equal whatever holds their bytes. */
function plain({ key, value, headers, timestamp }: RawRecord) {
  const list = (bytes: Uint8Array | null) => bytes && [...bytes];
  return [list(key), list(value), headers.map(([n, v]) => [n, list(v)]), timestamp];
}

const bytes = fc.option(fc.uint8Array({ maxLength: 200 }));
const records = fc.array(
  fc.record({
    key: bytes,
    value: bytes,
    headers: fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), bytes), { maxLength: 4 }),
    timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  }),
  { minLength: 1, maxLength: 20 },
);

test('any number reads as it was written, in as many bytes as were said', () => {
  const numbers = fc.oneof(fc.integer(), fc.integer({ min: -(2 ** 50), max: 2 ** 50 }));
  fc.assert(
    fc.property(numbers, (value) => {
      const target = new Uint8Array(12);
      const end = writeVarint(target, 0, value);
      expect(end).toBe(varintBytes(value));
      const cursor = { bytes: target, at: 0 };
      expect(readVarint(cursor)).toBe(value);
      expect(cursor.at).toBe(end);
    }),
  );
});

test('the checksum is the one of kafkajs, and of the standard', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (some) => {
      expect(crc32c(some)).toBe(kafkajsCrc(Buffer.from(some)) >>> 0);
    }),
  );
});

describe('a batch', () => {
  test('reads as it was written, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(records, fc.nat(), async (list, baseOffset) => {
        const decoded = await decodeBatches(batchOf(list, baseOffset), baseOffset, none);
        expect(decoded.failure).toBeUndefined();
        expect(decoded.nextOffset).toBe(baseOffset + list.length);
        expect(decoded.records.map(plain)).toEqual(list.map(plain));
        expect(decoded.records.map(({ offset }) => offset)).toEqual(
          list.map((_, i) => baseOffset + i),
        );
      }),
    );
  });

  test('of ours is read by kafkajs', async () => {
    const list = [
      record('a', { key: Buffer.from('k'), headers: [['h', Buffer.from('v')]] }),
      record(null, { timestamp: 1_700_000_000_500 }),
      record('ü'),
    ];
    const decoded = await kafkajsDecode(new KafkajsDecoder(batchOf(list, 10)));
    expect(decoded).toMatchObject({ producerId: '42', producerEpoch: 3, firstSequence: 7 });
    expect(
      decoded.records.map((one: { offset: string; timestamp: string; value: Buffer | null }) => [
        one.offset,
        one.timestamp,
        one.value?.toString(),
      ]),
    ).toEqual([
      ['10', '1700000000000', 'a'],
      ['11', '1700000000500', undefined],
      ['12', '1700000000000', 'ü'],
    ]);
    expect(decoded.records[0].key.toString()).toBe('k');
    expect(decoded.records[0].headers.h.toString()).toBe('v');
  });

  test('of kafkajs is read by us', async () => {
    const encoded = await RecordBatch({
      firstTimestamp: 1_000,
      maxTimestamp: 1_001,
      producerId: 5,
      producerEpoch: 0,
      firstSequence: 0,
      lastOffsetDelta: 1,
      records: [
        KafkajsRecord({
          offsetDelta: 0,
          timestampDelta: 0,
          key: 'k',
          value: 'a',
          headers: { h: 'v' },
        }),
        KafkajsRecord({ offsetDelta: 1, timestampDelta: 1, key: null, value: null }),
      ],
    });
    const { records: read } = await decodeBatches(encoded.buffer, 0, none);
    expect(read.map(plain)).toEqual([
      plain(
        record('a', {
          key: Buffer.from('k'),
          headers: [['h', Buffer.from('v')]],
          timestamp: 1_000,
        }),
      ),
      plain(record(null, { timestamp: 1_001 })),
    ]);
  });

  test('begins in its middle where somebody reads on, and one that is before is left out', async () => {
    const log = Buffer.concat([batchOf([record('a'), record('b')], 0), batchOf([record('c')], 2)]);
    const read = async (from: number) =>
      (await decodeBatches(log, from, none)).records.map(({ offset }) => offset);
    expect(await read(1)).toEqual([1, 2]);
    expect(await read(2)).toEqual([2]);
  });

  test('that is cut off at the end comes with the next read', async () => {
    const log = Buffer.concat([batchOf([record('a')], 0), batchOf([record('b')], 1)]);
    for (const cut of [1, 30, batchHeaderBytes]) {
      const decoded = await decodeBatches(log.subarray(0, log.length - cut), 0, none);
      expect(decoded).toMatchObject({ nextOffset: 1 });
      expect(decoded.failure).toBeUndefined();
    }
  });

  test('with one wrong bit ends what is read, and nothing before it is lost', async () => {
    const good = batchOf([record('good')], 0);
    const bad = batchOf([record('bad')], 1);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 21, max: bad.length - 1 }), async (at) => {
        const bent = Buffer.from(bad);
        bent[at] = (bent[at] ?? 0) ^ 1;
        const decoded = await decodeBatches(Buffer.concat([good, bent]), 0, none);
        expect(decoded.records).toHaveLength(1);
        expect(decoded.nextOffset).toBe(1);
        expect(decoded.failure).toMatchObject({ code: 'ERR_MESSAGING_DRIVER' });
      }),
    );
  });

  test('of another format is refused by name', async () => {
    const old = batchOf([record('a')]);
    old[16] = 1;
    const { failure } = await decodeBatches(old, 0, none);
    expect(failure?.cause).toMatchObject({ message: 'format 1 of records is not known, only 2' });
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'reads the same through %s',
    async (name) => {
      const body = encodeRecords([record('x'.repeat(5_000)), record('y')]);
      const codec = await codecOf(name);
      const packed = { ...body, codec: codec.id, bytes: await codec.compress(body.bytes) };
      expect(packed.bytes.length).toBeLessThan(500);
      const target = Buffer.alloc(batchHeaderBytes + packed.bytes.length);
      writeBatch(target, 0, packed, sequence);
      const { records: read } = await decodeBatches(target, 0, none);
      expect(read.map(({ value }) => value?.length)).toEqual([5_000, 1]);
    },
  );

  test('of a codec that nobody knows says so', async () => {
    const body = { ...encodeRecords([record('a')]), codec: 5 };
    const target = Buffer.alloc(batchHeaderBytes + body.bytes.length);
    writeBatch(target, 0, body, sequence);
    const { failure } = await decodeBatches(target, 0, none);
    expect(failure?.cause).toMatchObject({ message: 'there is no codec 5' });
  });
});

describe('transactions', () => {
  /** Bits of the attributes. */
  const transactional = 16;
  const control = 32;

  function marked(batch: Buffer, attributes: number, producerId = 42n): Buffer {
    batch.writeInt16BE(attributes, 21);
    batch.writeBigInt64BE(producerId, 43);
    batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
    return batch;
  }

  test('leave out what was given up, and their markers, and nothing else', async () => {
    const log = Buffer.concat([
      marked(batchOf([record('committed')], 0), transactional, 1n),
      marked(batchOf([record('given up')], 1), transactional, 2n),
      batchOf([record('plain')], 2),
      marked(batchOf([record('given up too')], 3), transactional, 2n),
      marked(batchOf([record('marker')], 4), transactional | control, 2n),
      marked(batchOf([record('after it')], 5), transactional, 2n),
      marked(batchOf([record('marker')], 6), transactional | control, 1n),
    ]);
    const aborted = [{ producerId: 2n, firstOffset: 1 }];
    const { records: read, nextOffset } = await decodeBatches(log, 0, aborted);
    expect(read.map(({ value }) => Buffer.from(value ?? []).toString())).toEqual([
      'committed',
      'plain',
      'after it',
    ]);
    expect(nextOffset).toBe(7);
  });

  test('a log that takes the time of the broker has one time for a batch', async () => {
    const log = marked(batchOf([record('a'), record('b', { timestamp: 1_800_000_000_000 })]), 8);
    const { records: read } = await decodeBatches(log, 0, none);
    expect(read.map(({ timestamp }) => timestamp)).toEqual([1_800_000_000_000, 1_800_000_000_000]);
  });
});
