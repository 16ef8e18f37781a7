import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Compression } from '../driver.ts';
import { DriverError } from '../errors.ts';

/** Compresses the records of a batch. */
export interface Codec {
  /** As in the attributes of a batch. */
  readonly id: number;
  compress(bytes: Buffer): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

type Packed = Exclude<Compression, 'none'>;

const names: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** No batch may grow to more than this: a few bytes can be made to say gigabytes. */
const maxOutputLength = 256 * 1024 * 1024;

/**
 * @param id of the attributes of a batch, 1 or more
 * @throws DriverError when there is no such codec, or the package that it needs is not installed
 */
export function codecOfId(id: number): Promise<Codec> {
  const name = names[id];
  if (name === undefined || name === 'none') throw unusable(`there is no codec ${id}`);
  return codecOf(name);
}

/** @throws DriverError when the package that it needs is not installed */
export async function codecOf(name: Packed): Promise<Codec> {
  const load = loaders[name];
  try {
    return await load();
  } catch (cause) {
    const needed = { snappy: 'snappy', lz4: 'lz4-napi', gzip: 'zlib', zstd: 'Node 22.15' }[name];
    throw unusable(`compression '${name}' needs ${needed} (npm install ${needed})`, cause);
  }
}

function unusable(message: string, cause?: unknown): DriverError {
  return new DriverError(message, { isRetriable: false, cause });
}

const loaders: Readonly<Record<Packed, () => Promise<Codec>>> = {
  gzip: async () => ({
    id: 1,
    compress: promisify<Buffer, Buffer>(zlib.gzip),
    decompress: (bytes) =>
      promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip)(bytes, { maxOutputLength }),
  }),
  snappy: async () => {
    const { compress, uncompress } = await import('snappy');
    return {
      id: 2,
      compress: async (bytes) => frameOfSnappy(await compress(bytes)),
      decompress: async (bytes) => {
        const blocks = blocksOfSnappy(bytes).map((block) => uncompress(block, { asBuffer: true }));
        return Buffer.concat((await Promise.all(blocks)).map((block) => Buffer.from(block)));
      },
    };
  },
  lz4: async () => {
    const { compressFrame, decompressFrame } = await import('lz4-napi');
    return {
      id: 3,
      compress: (bytes) => compressFrame(bytes),
      decompress: (bytes) => decompressFrame(bytes),
    };
  },
  zstd: async () => ({
    id: 4,
    compress: promisify<Buffer, Buffer>(zlib.zstdCompress),
    decompress: (bytes) =>
      promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress)(bytes, { maxOutputLength }),
  }),
};

/** Kafka's own clients put a header before snappy, and a length before each block; others send one bare block. */
const snappyMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const snappyHeaderBytes = 16;

function frameOfSnappy(block: Buffer): Buffer {
  const head = Buffer.alloc(snappyHeaderBytes + 4);
  snappyMagic.copy(head);
  head.writeInt32BE(1, 8);
  head.writeInt32BE(1, 12);
  head.writeInt32BE(block.length, snappyHeaderBytes);
  return Buffer.concat([head, block]);
}

function blocksOfSnappy(bytes: Buffer): Buffer[] {
  if (!bytes.subarray(0, snappyMagic.length).equals(snappyMagic)) return [bytes];
  const blocks: Buffer[] = [];
  for (let at = snappyHeaderBytes; at < bytes.length; ) {
    const size = bytes.readInt32BE(at);
    blocks.push(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return blocks;
}
