import type { Stamp } from './stamper.ts';

/** What L2 holds: when the value was loaded, how long it is good, and its bytes. */
export interface Envelope {
  /** When the loader gave the value, in ms since 1970. */
  readonly createdAt: number;
  /** How long it is fresh from then, in ms. */
  readonly ttlMs: number;
  /** When somebody ended that before its time, in ms since 1970; undefined where nobody has. */
  readonly expiredAt?: number | undefined;
  /** How long the loader took, in ms. */
  readonly loadMs: number;
  /** The tags of the value and their ids when it was loaded. */
  readonly stamps: readonly Stamp[];
  /** Of the value, as in HTTP; empty when there is no value. */
  readonly etag: string;
  /** Undefined when the loader said that there is no value. */
  readonly payload: Uint8Array | undefined;
}

// 0xF5 never occurs in UTF-8, so no text that somebody else wrote is taken for an envelope.
const MAGIC = 0xf5ca;
const VERSION = 2;

const IS_ABSENT = 1;

/** magic (2), version (1), expiredAt (8, 0 for none), flags (1), createdAt (8), ttlMs (8), loadMs (4) */
const HEADER_BYTES = 32;

/** How every envelope of this version begins. The time of expiry follows, so that a tier can put one in. */
export const opening: Uint8Array = Uint8Array.of(MAGIC >> 8, MAGIC & 0xff, VERSION);

// After the header: how many bytes the stamps (4) and the etag (2) take; the stamps as tag, NUL, id,
// NUL, ...; the etag in Latin-1; then the payload.
const ETAG_BYTES_AT = HEADER_BYTES + 4;
const STAMPS_AT = ETAG_BYTES_AT + 2;

/** Puts a payload into an envelope. */
export function seal(envelope: Envelope): Uint8Array {
  const { createdAt, ttlMs, expiredAt = 0, loadMs, stamps, etag, payload } = envelope;
  const text = stamps.map(({ tag, id }) => `${escapeTag(tag)}\0${id}\0`).join('');
  const etagAt = STAMPS_AT + Buffer.byteLength(text);
  const payloadAt = etagAt + etag.length;
  const bytes = Buffer.allocUnsafe(payloadAt + (payload?.length ?? 0));
  bytes.set(opening);
  bytes.writeDoubleBE(expiredAt, 3);
  bytes.writeUInt8(payload ? 0 : IS_ABSENT, 11);
  bytes.writeDoubleBE(createdAt, 12);
  bytes.writeDoubleBE(ttlMs, 20);
  bytes.writeUInt32BE(Math.min(Math.round(loadMs), 0xffff_ffff), 28);
  bytes.writeUInt32BE(etagAt - STAMPS_AT, HEADER_BYTES);
  bytes.writeUInt16BE(etag.length, ETAG_BYTES_AT);
  bytes.write(text, STAMPS_AT);
  bytes.write(etag, etagAt, 'latin1');
  if (payload) bytes.set(payload, payloadAt);
  return bytes;
}

/** Takes an envelope apart. Undefined when the bytes are somebody else's, cut off, or of another version. */
export function unseal(bytes: Uint8Array): Envelope | undefined {
  const view = asBuffer(bytes);
  if (view.length < STAMPS_AT || view.readUInt16BE(0) !== MAGIC || view[2] !== VERSION) {
    return undefined;
  }
  const flags = view.readUInt8(11);
  const createdAt = view.readDoubleBE(12);
  const ttlMs = view.readDoubleBE(20);
  const etagAt = STAMPS_AT + view.readUInt32BE(HEADER_BYTES);
  const payloadAt = etagAt + view.readUInt16BE(ETAG_BYTES_AT);
  if (flags > IS_ABSENT || !Number.isFinite(createdAt) || !(ttlMs > 0)) return undefined;
  if (payloadAt > view.length) return undefined;
  const stamps = readStamps(view.toString('utf8', STAMPS_AT, etagAt));
  if (!stamps) return undefined;
  const etag = view.toString('latin1', etagAt, payloadAt);
  const payload = flags === IS_ABSENT ? undefined : view.subarray(payloadAt);
  const expiredAt = view.readDoubleBE(3) || undefined;
  return { createdAt, ttlMs, expiredAt, loadMs: view.readUInt32BE(28), stamps, etag, payload };
}

/** What follows the opening of an envelope whose value is past its ttl from then on. */
export function expiry(expiredAt: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(expiredAt);
  return bytes;
}

/** Undefined when a tag is damaged. */
function readStamps(text: string): Stamp[] | undefined {
  const parts = text.split('\0');
  const stamps: Stamp[] = [];
  try {
    for (let i = 0; i + 1 < parts.length; i += 2) {
      stamps.push({ tag: unescapeTag(parts[i] ?? ''), id: parts[i + 1] ?? '' });
    }
    return stamps;
  } catch {
    return undefined;
  }
}

// A tag may be any text: what UTF-8 or our NULs would change is written as JSON, which begins with a quote.
function escapeTag(tag: string): string {
  return tag.isWellFormed() && !/^"|\0/.test(tag) ? tag : JSON.stringify(tag);
}

function unescapeTag(text: string): string {
  return text.startsWith('"') ? JSON.parse(text) : text;
}

/** How bytes begin: enough to tell one envelope from another under the same key. */
export function headOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, HEADER_BYTES);
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
