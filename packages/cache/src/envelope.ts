/** What L2 holds: when the value was loaded, how long it is good, and its bytes. */
export interface Envelope {
  /** When the loader gave the value, in ms since 1970. */
  readonly createdAt: number;
  /** How long it is fresh from then, in ms. */
  readonly ttlMs: number;
  /** How long the loader took, in ms. */
  readonly loadMs: number;
  /** Undefined when the loader said that there is no value. */
  readonly payload: Uint8Array | undefined;
}

// 0xF5 never occurs in UTF-8, so no text that somebody else wrote is taken for an envelope.
const MAGIC = 0xf5ca;
const VERSION = 1;

const IS_ABSENT = 1;

/** magic (2), version (1), flags (1), createdAt (8), ttlMs (8), loadMs (4), then the payload */
const HEADER_BYTES = 24;

/** Puts a payload into an envelope. */
export function seal({ createdAt, ttlMs, loadMs, payload }: Envelope): Uint8Array {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + (payload?.length ?? 0));
  bytes.writeUInt16BE(MAGIC, 0);
  bytes.writeUInt8(VERSION, 2);
  bytes.writeUInt8(payload ? 0 : IS_ABSENT, 3);
  bytes.writeDoubleBE(createdAt, 4);
  bytes.writeDoubleBE(ttlMs, 12);
  bytes.writeUInt32BE(Math.min(Math.round(loadMs), 0xffff_ffff), 20);
  if (payload) bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** Takes an envelope apart. Undefined when the bytes are somebody else's, cut off, or of another version. */
export function unseal(bytes: Uint8Array): Envelope | undefined {
  const view = asBuffer(bytes);
  if (view.length < HEADER_BYTES || view.readUInt16BE(0) !== MAGIC || view[2] !== VERSION) {
    return undefined;
  }
  const createdAt = view.readDoubleBE(4);
  const ttlMs = view.readDoubleBE(12);
  const flags = view.readUInt8(3);
  if (flags > IS_ABSENT || !Number.isFinite(createdAt) || !(ttlMs > 0)) return undefined;
  const payload = flags === IS_ABSENT ? undefined : view.subarray(HEADER_BYTES);
  return { createdAt, ttlMs, loadMs: view.readUInt32BE(20), payload };
}

/** How bytes begin: enough to tell one envelope from another under the same key. */
export function headOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, HEADER_BYTES);
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
