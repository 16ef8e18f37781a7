/**
 * Who gave an answer: the cache in memory (`l1`), the shared one (`l2`), the database, or nobody.
 * `kept`: an entry that was too old, given because the database did not answer.
 */
export type Tier = 'l1' | 'l2' | 'kept' | 'database' | 'none';

/** Reads the first member of a `Cache-Status` header (RFC 9211). */
export function tierOf(cacheStatus: string | null): Tier {
  if (cacheStatus === null) return 'none';
  const [, ...parameters] = (cacheStatus.split(',')[0] ?? '').split(';').map((part) => part.trim());
  if (parameters.includes('hit')) return parameters.includes('detail=l2') ? 'l2' : 'l1';
  if (parameters.includes('fwd=stale')) return 'kept';
  return 'database';
}
