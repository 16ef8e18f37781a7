import { escapeText } from '../keys.ts';
import { fieldOf, type HeaderSource } from './fields.ts';

/** What an entity tag (RFC 9110, 8.8.3) may look like, less the bytes beyond ASCII. */
const entityTag = /^(?:W\/)?"[\x21\x23-\x7e]*"$/;

/** A member of a list of entity tags. */
const member = /(?:^|,)[ \t]*(?:W\/)?"([^"]*)"[ \t]*(?=,|$)/g;

/**
 * A strong entity tag of any text. One that is already an entity tag stays as it is; what a header
 * cannot carry is escaped, and two different texts never become the same.
 */
export function formatEtag(text: string): string {
  return entityTag.test(text) ? text : `"${escapeText(text, /["%]|[^\x21-\x7e]/gu)}"`;
}

/** What stands between the quotes of the entity tags of a list, or `*`. What is none is passed over. */
export function parseIfNoneMatch(field: string): '*' | readonly string[] {
  if (field.trim() === '*') return '*';
  return [...field.matchAll(member)].map(([, opaque = '']) => opaque);
}

/**
 * Whether a GET or HEAD is to be answered with 304, as who asks already has what carries this ETag:
 * `If-None-Match` of RFC 9110, 13.1.2, compared weakly. `If-Modified-Since` is not looked at.
 *
 * @param etag as `cacheHeaders` gives it, or the text it was made of
 */
export function isNotModified(headers: HeaderSource, etag: string): boolean {
  const field = fieldOf(headers, 'if-none-match');
  if (field === undefined) return false;
  const known = parseIfNoneMatch(field);
  const [mine] = parseIfNoneMatch(formatEtag(etag));
  return known === '*' || known.some((opaque) => opaque === mine);
}
