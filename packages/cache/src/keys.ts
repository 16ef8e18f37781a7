import { createHash } from 'node:crypto';

/** Longer keys are hashed: Redis keeps every key in memory, and so does its log of slow commands. */
const MAX_KEY_BYTES = 200;

const HASH = '%sha256-';

// What would break a Cluster's hash tag, a terminal, or UTF-8 (a lone half of a surrogate pair).
const unsafe = /[%{}\p{Cc}\p{Cs}]/gu;

/**
 * A key as it is written in L2: printable, not empty, at most 200 bytes, without braces, and two
 * different keys never become the same. A `%` begins every escape, so what follows it cannot be
 * taken for the user's text.
 */
export function escapeKey(key: string): string {
  const escaped = escapeText(key, unsafe);
  if (escaped === '') return '%empty';
  if (Buffer.byteLength(escaped) <= MAX_KEY_BYTES) return escaped;
  return `${HASH}${createHash('sha256').update(escaped).digest('base64url')}`;
}

/** Whether there is no way back to the key. */
export function isHashed(escaped: string): boolean {
  return escaped.startsWith(HASH);
}

/** The key that was escaped, unless it was hashed. */
export function unescapeKey(escaped: string): string {
  if (escaped === '%empty') return '';
  return escaped.replace(/%([0-9a-f]+);/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

/** @param unsafe what must not stay, and `%`, with which every escape begins */
export function escapeText(text: string, unsafe: RegExp): string {
  return text.replace(unsafe, (char) => `%${char.codePointAt(0)?.toString(16)};`);
}
