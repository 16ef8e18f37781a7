import { checkInteger } from '../check.ts';
import { type Directives, parseCacheControl } from './cache-control.ts';
import { fieldOf, type HeaderSource, secondsOf } from './fields.ts';

/** What a response of another service allows a cache that many people share. */
export interface UpstreamLife {
  /** How long it is still fresh, in ms. */
  readonly ttlMs: number;
  /** How long past that it may be served while a new one is asked for, in ms. */
  readonly staleWhileRevalidateMs: number;
  /** How long past that it may be served when asking fails, in ms. */
  readonly staleIfErrorMs: number;
  /** Its ETag as it was sent, for `If-None-Match`. */
  readonly etag: string | undefined;
  /** Whether it may be stored, and is fresh at all. */
  readonly isStorable: boolean;
}

/** What the headers do not say. */
export interface UpstreamOptions {
  /** The ttl of a response whose headers name none, in ms. Default 0: it is not stored. */
  readonly defaultTtlMs?: number;
  /** The time now, in ms since 1970, for an `Expires` without a `Date`. Default `Date.now()`. */
  readonly nowMs?: number;
}

/**
 * Reads `Cache-Control`, `Expires`, `Age` and `ETag` of a response, for a loader:
 * `life.isStorable ? ctx.setTtl(life.ttlMs) : ctx.skip()`. Its status is yours to judge.
 *
 * As RFC 9111 says for a shared cache: `private`, `no-store`, `no-cache` and `Vary: *` are not
 * stored, nor is what sets a cookie; a lifetime that is no number counts as over.
 */
export function upstreamLife(headers: HeaderSource, options: UpstreamOptions = {}): UpstreamLife {
  const { defaultTtlMs = 0, nowMs = Date.now() } = options;
  checkInteger('defaultTtlMs', defaultTtlMs, 0);
  const directives = parseCacheControl(fieldOf(headers, 'cache-control'));
  const lifeMs = lifetimeMs(headers, directives, nowMs) ?? defaultTtlMs;
  const ageS = secondsOf(fieldOf(headers, 'age')?.split(',')[0]?.trim()) ?? 0;
  const ttlMs = Math.max(0, lifeMs - ageS * 1000);
  const staleMs = (name: string) =>
    mustRevalidate(directives) ? 0 : (secondsOf(directives.get(name)) ?? 0) * 1000;
  return {
    ttlMs,
    staleWhileRevalidateMs: staleMs('stale-while-revalidate'),
    staleIfErrorMs: staleMs('stale-if-error'),
    etag: fieldOf(headers, 'etag'),
    isStorable: ttlMs > 0 && isShareable(headers, directives),
  };
}

/** The most specific one counts: `s-maxage`, `max-age`, `Expires`. Undefined when there is none. */
function lifetimeMs(
  headers: HeaderSource,
  directives: Directives,
  nowMs: number,
): number | undefined {
  const named = directives.get('s-maxage') ?? directives.get('max-age');
  if (named !== undefined) return (secondsOf(named) ?? 0) * 1000;
  const expires = fieldOf(headers, 'expires');
  if (expires === undefined) return undefined;
  const date = dateOf(fieldOf(headers, 'date') ?? '');
  const lifeMs = dateOf(expires) - (Number.isNaN(date) ? nowMs : date);
  return Number.isNaN(lifeMs) ? 0 : Math.max(0, lifeMs);
}

/** `Date.parse` takes more for a date than HTTP does (`0` is the year 2000), and the oldest form for local time. */
function dateOf(text: string): number {
  const [form, zone] = /^[A-Z][a-z]{2,8},? .*?( GMT)?$/.exec(text) ?? [];
  return form === undefined ? Number.NaN : Date.parse(zone ? form : `${form} GMT`);
}

function isShareable(headers: HeaderSource, directives: Directives): boolean {
  if (['private', 'no-store', 'no-cache'].some((name) => directives.has(name))) return false;
  if (fieldOf(headers, 'set-cookie') !== undefined) return false;
  return !(fieldOf(headers, 'vary') ?? '').split(',').some((name) => name.trim() === '*');
}

function mustRevalidate(directives: Directives): boolean {
  return directives.has('must-revalidate') || directives.has('proxy-revalidate');
}

/**
 * Whether who asks wants a value that was loaded just now: `no-cache` or `max-age=0` in
 * `Cache-Control`, or, without that header, `Pragma: no-cache`. All other directives of requests
 * (`max-stale`, `min-fresh`, `only-if-cached`, `no-store`, a longer `max-age`) are not looked at: they
 * are for caches between client and service.
 */
export function wantsReload(headers: HeaderSource): boolean {
  const field = fieldOf(headers, 'cache-control') ?? fieldOf(headers, 'pragma');
  const directives = parseCacheControl(field);
  return directives.has('no-cache') || secondsOf(directives.get('max-age')) === 0;
}
