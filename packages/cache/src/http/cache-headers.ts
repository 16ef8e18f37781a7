import { checkInteger } from '../check.ts';
import { escapeText } from '../keys.ts';
import { formatCacheControl } from './cache-control.ts';
import { formatEtag } from './etag.ts';
import { headerTag } from './tags.ts';

/** What headers are made of: an entry of the cache. */
export interface EntryFacts {
  /** How long ago the loader gave the value, in ms. */
  readonly ageMs: number;
  /** How long it is still fresh, in ms; zero or less when it is past its ttl. */
  readonly ttlMs: number;
  readonly tags: readonly string[];
  /** Where this process got it. */
  readonly tier: string;
  /** What stands for the value, e.g. a hash of it. */
  readonly etag?: string | undefined;
}

/** What the headers allow others to do. */
export interface CacheHeaderOptions {
  /** Whether caches that many people share may keep the response. Default false: nobody keeps it. */
  readonly isPublic?: boolean;
  /** How long a browser may use it without asking, in ms; never longer than it is fresh. No purge reaches browsers. Default 0. */
  readonly browserTtlMs?: number;
  /** How long past its life a CDN, and a browser, may serve it while it asks for a new one, in ms. Default 0. */
  readonly staleWhileRevalidateMs?: number;
  /** How long past its life a CDN, and a browser, may serve it when asking fails, in ms. Default 0. */
  readonly staleIfErrorMs?: number;
  /** How long `Surrogate-Key` and `Cache-Tag` may be, each, in bytes. Default 4,000. A response with more tags is kept by nobody. */
  readonly maxTagBytes?: number;
  /** What `Cache-Status` calls this cache. Default `cache`. */
  readonly name?: string;
  /** The key, if `Cache-Status` is to show it. Default: it does not. */
  readonly key?: string | undefined;
  /** Why the loader ran for this response. Default: it did not, the response is a hit. */
  readonly forwarded?: 'miss' | 'stale' | undefined;
}

/** Many servers and clients refuse a response with more than 8 or 16 KB of headers. */
const MAX_TAG_BYTES = 4000;

/**
 * The headers of a response that was made of an entry: `Cache-Control` (RFC 9111), `CDN-Cache-Control`
 * (RFC 9213), `Age`, `Cache-Status` (RFC 9211), a strong `ETag`, and the tags as `Surrogate-Key`
 * (Fastly) and `Cache-Tag` (Cloudflare).
 *
 * Lifetimes count from the load, as `Age` does: `s-maxage` less `Age` is what is left of the ttl, and
 * of an entry that is past its ttl the stale windows have begun to run.
 *
 * @throws RangeError that names the option and its value
 */
export function cacheHeaders(
  entry: EntryFacts,
  options: CacheHeaderOptions = {},
): Record<string, string> {
  const { isPublic = false, maxTagBytes = MAX_TAG_BYTES } = options;
  checkInteger('maxTagBytes', maxTagBytes, 0);
  const tags = [...new Set(entry.tags.map(headerTag))];
  // What a purge cannot reach must not be kept.
  const isTooLong = tags.join(' ').length > maxTagBytes;
  const isKept = isPublic && !isTooLong;
  const headers = {
    'Cache-Status': cacheStatus(entry, options, isPublic && isTooLong),
    ...(entry.etag !== undefined && { ETag: formatEtag(entry.etag) }),
  };
  if (!isKept) return { ...noStore, ...headers };
  return {
    ...lifetimes(entry, options),
    Age: `${seconds(entry.ageMs)}`,
    ...headers,
    ...(tags.length > 0 && { 'Surrogate-Key': tags.join(' '), 'Cache-Tag': tags.join(',') }),
  };
}

/** For what nobody may keep. Both, as a CDN that reads the second one does not look at the first. */
export const noStore = {
  'Cache-Control': 'private, no-store',
  'CDN-Cache-Control': 'private, no-store',
} as const;

function lifetimes(entry: EntryFacts, options: CacheHeaderOptions) {
  const { browserTtlMs = 0, staleWhileRevalidateMs = 0, staleIfErrorMs = 0 } = options;
  checkInteger('browserTtlMs', browserTtlMs, 0);
  checkInteger('staleWhileRevalidateMs', staleWhileRevalidateMs, 0);
  checkInteger('staleIfErrorMs', staleIfErrorMs, 0);
  const ageS = seconds(entry.ageMs);
  const shared = Math.max(0, ageS + Math.floor(entry.ttlMs / 1000));
  const browser = browserTtlMs > 0 ? Math.min(shared, ageS + seconds(browserTtlMs)) : 0;
  const stale = new Map<string, string>();
  if (staleWhileRevalidateMs > 0)
    stale.set('stale-while-revalidate', `${seconds(staleWhileRevalidateMs)}`);
  if (staleIfErrorMs > 0) stale.set('stale-if-error', `${seconds(staleIfErrorMs)}`);
  const all = { 'max-age': `${browser}`, 's-maxage': `${shared}` };
  return {
    'Cache-Control': formatCacheControl(
      new Map<string, string | true>([['public', true], ...Object.entries(all), ...stale]),
    ),
    'CDN-Cache-Control': formatCacheControl(new Map([['max-age', `${shared}`], ...stale])),
  };
}

function cacheStatus(entry: EntryFacts, options: CacheHeaderOptions, isTooLong: boolean): string {
  const { name = 'cache', forwarded, key } = options;
  const parts = [/^[A-Za-z*][\w!#$%&'*+\-.^`|~:/]*$/.test(name) ? name : quoted(name)];
  parts.push(forwarded ? `fwd=${forwarded}` : 'hit');
  if (forwarded && entry.ttlMs > 0) parts.push('stored');
  parts.push(`ttl=${Math.floor(entry.ttlMs / 1000)}`);
  if (key !== undefined) parts.push(`key=${quoted(key)}`);
  if (isTooLong) parts.push('detail=too-many-tags');
  else if (!forwarded && entry.tier !== 'loader') parts.push(`detail=${quoted(entry.tier)}`);
  return parts.join('; ');
}

/** A string of RFC 9651: what it cannot carry is escaped. */
function quoted(text: string): string {
  return `"${escapeText(text, /%|[^\x20-\x7e]/gu).replace(/["\\]/g, '\\$&')}"`;
}

function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1000));
}
