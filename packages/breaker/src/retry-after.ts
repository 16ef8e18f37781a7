/**
 * How long the dependency asked to wait, in ms, if the error says so: as `retryAfterMs`, or by a
 * `Retry-After` header (seconds or a date, RFC 9110) in `headers` or `response.headers`.
 */
export function retryAfterMs(error: unknown, epochMs: number): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { retryAfterMs, headers, response } = error as Record<string, unknown>;
  if (typeof retryAfterMs === 'number') return atLeastZero(retryAfterMs);
  return parse(retryAfterHeader(headers ?? (response as Fields)?.headers), epochMs);
}

type Fields = { readonly [field: string]: unknown } | undefined;

function retryAfterHeader(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return undefined;
  // Of any implementation of `fetch`, not only the global one.
  if ('get' in headers && typeof headers.get === 'function') return headers.get('retry-after');
  return (headers as Fields)?.['retry-after'];
}

function parse(header: unknown, epochMs: number): number | undefined {
  if (typeof header !== 'string' || header === '') return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : undefined;
  if (seconds !== undefined) return seconds * 1000;
  return atLeastZero(Date.parse(header) - epochMs);
}

function atLeastZero(ms: number): number | undefined {
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
