import { hash, randomUUID } from 'node:crypto';

/** 128 bits in base64url. */
const ETAG_CHARS = 22;

/** A strong ETag (RFC 9110, section 8.8.3) of these bytes: the same in every process. */
export function etagOf(bytes: Uint8Array): string {
  return `"${hash('sha256', bytes, 'base64url').slice(0, ETAG_CHARS)}"`;
}

/** An etag that no other value has: for one that has no bytes. */
export function uniqueEtag(): string {
  return `"${randomUUID()}"`;
}

const MAX_ETAG_CHARS = 1024;
const entityTag = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

/** Throws a TypeError unless it is an ETag as RFC 9110 has it, weak or strong, of at most 1024 characters. */
export function checkEtag(etag: unknown): void {
  const isText = typeof etag === 'string' && etag.length <= MAX_ETAG_CHARS;
  if (isText && entityTag.test(etag)) return;
  throw new TypeError(
    `an etag must be like "abc" or W/"abc", quotes included, got ${String(etag)}`,
  );
}
