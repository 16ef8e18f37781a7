/** How an answer was come by. */
export type CacheReport =
  | { readonly kind: 'hit'; readonly ageMs: number; readonly ttlMs: number; readonly tier: string }
  | { readonly kind: 'miss'; readonly stored: boolean; readonly collapsed: boolean }
  | {
      readonly kind: 'stale';
      readonly ageMs: number;
      readonly ttlMs: number;
      readonly why: string;
    };

/** `Cache-Status` (RFC 9211) and, for what came out of a cache, `Age`. */
export function cacheHeaders(report: CacheReport): Record<string, string> {
  if (report.kind === 'miss') return { 'cache-status': status('fwd=miss', ...flags(report)) };
  const ttl = `ttl=${Math.floor(report.ttlMs / 1_000)}`;
  const age = String(Math.floor(report.ageMs / 1_000));
  if (report.kind === 'hit')
    return { age, 'cache-status': status('hit', ttl, detail(report.tier)) };
  return { age, 'cache-status': status('fwd=stale', ttl, detail(report.why)) };
}

function flags({ stored, collapsed }: { stored: boolean; collapsed: boolean }): string[] {
  return [...(stored ? ['stored'] : []), ...(collapsed ? ['collapsed'] : [])];
}

function status(...parameters: string[]): string {
  return ['user-service', ...parameters].join('; ');
}

/** A structured-field token (RFC 9651): letters, digits and dashes. */
function detail(token: string): string {
  return `detail=${token}`;
}
