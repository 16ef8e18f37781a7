import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { checkInteger } from './check.ts';
import type { Codec } from './codec.ts';

/** When `compressed` compresses. */
export interface CompressedOptions {
  /** Shorter values stay as they are, in bytes. Default 1024. */
  readonly overBytes?: number;
}

/** More is not unpacked: whoever can write to L2 must not be able to fill our memory with a few bytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The first byte says what follows. */
const PLAIN = 0;
const ZSTD = 1;

/**
 * Compresses what another codec gives, by Zstandard. What does not become shorter stays as it is.
 *
 * @throws RangeError that names the option and its value
 */
export function compressed(inner: Codec, options: CompressedOptions = {}): Codec {
  const { overBytes = 1024 } = options;
  checkInteger('overBytes', overBytes, 0);
  return {
    encode(value, key) {
      const bytes = inner.encode(value, key);
      const packed = bytes.length > overBytes ? zstdCompressSync(bytes) : undefined;
      return packed && packed.length < bytes.length ? mark(ZSTD, packed) : mark(PLAIN, bytes);
    },
    decode(bytes, key) {
      const rest = bytes.subarray(1);
      if (bytes[0] === PLAIN) return inner.decode(rest, key);
      if (bytes[0] !== ZSTD) throw new RangeError(`unknown compression ${bytes[0]}`);
      return inner.decode(zstdDecompressSync(rest, { maxOutputLength: MAX_BYTES }), key);
    },
  };
}

function mark(kind: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(kind), bytes]);
}
