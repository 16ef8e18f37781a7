/** Who gave an answer. `kept`: an entry that was too old, given because the database did not answer. */
export type Tier = 'memory' | 'redis' | 'kept' | 'database' | 'none';

/** Reads the first member of a `Cache-Status` header (RFC 9211). */
export function tierOf(cacheStatus: string | null): Tier {
  if (cacheStatus === null) return 'none';
  const [, ...parameters] = (cacheStatus.split(',')[0] ?? '').split(';').map((part) => part.trim());
  if (parameters.includes('hit')) return parameters.includes('detail=redis') ? 'redis' : 'memory';
  if (parameters.includes('fwd=stale')) return 'kept';
  return 'database';
}
