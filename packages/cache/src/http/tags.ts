import { createHash } from 'node:crypto';
import { escapeText } from '../keys.ts';

/** Fastly ignores keys beyond 1,024 bytes; long ones leave no room for others. */
const MAX_TAG_BYTES = 200;

/**
 * A tag as `Surrogate-Key` and `Cache-Tag` carry it, and as a purge must name it: visible ASCII, at
 * most 200 bytes, neither space nor comma. Letters, digits and most signs stay as they are; two
 * different tags never become the same.
 */
export function headerTag(tag: string): string {
  const escaped = escapeText(tag, /[%,"\\]|[^\x21-\x7e]/gu);
  if (escaped === '') return '%empty';
  if (escaped.length <= MAX_TAG_BYTES) return escaped;
  return `%sha256-${createHash('sha256').update(escaped).digest('base64url')}`;
}
