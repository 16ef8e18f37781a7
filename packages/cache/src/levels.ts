import type { Audience } from './bus.ts';
import type { Ticker } from './clock.ts';
import type { Codec } from './codec.ts';
import { etagOf, uniqueEtag } from './etag.ts';
import { L1 } from './l1.ts';
import { L2, type L2Stats } from './l2.ts';
import type { ResolvedOptions } from './options.ts';
import type { Tags } from './tags.ts';

/** The memory of this process as the options want it. */
export function openL1<V>(options: ResolvedOptions, ticker: Ticker): L1<V> {
  const { maxEntries, maxBytes, l1TtlMs: ttlMs, refreshAhead, freeze } = options;
  const { staleWhileRevalidateMs: revalidateMs, staleIfErrorMs: staleMs } = options;
  const etagOf = etagMaker(options.codec);
  const times = { ttlMs, refreshAhead, revalidateMs, staleMs };
  return new L1({ maxEntries, maxBytes, ...times, freeze, etagOf }, ticker);
}

/** Without an L2 also what the codec cannot carry may be stored. */
function etagMaker(codec: Codec): (value: unknown) => string {
  return (value) => {
    try {
      return etagOf(codec.encode(value, ''));
    } catch {
      return uniqueEtag();
    }
  };
}

/** The numbers of an L2 that is not there. */
export const noL2: L2Stats = {
  hits: 0,
  misses: 0,
  foreign: 0,
  tooLarge: 0,
  bytesRead: 0,
  bytesWritten: 0,
  failures: 0,
  skipped: 0,
  leaseWaits: 0,
  busLosses: 0,
  waitingDeletes: 0,
};

const DAY_MS = 86_400_000;

/** The level that processes share, if there is one. */
export function openL2<V>(
  options: ResolvedOptions,
  ticker: Ticker,
  tags: Tags,
  audience: Audience,
): L2<V> | undefined {
  const { l2: tier, name, version, codec, maxValueBytes, leaseMs, onBusLoss } = options;
  if (!tier) return undefined;
  const prefix = `${name}:v${version}:`;
  const keepStaleMs = Math.max(options.staleIfErrorMs, options.staleWhileRevalidateMs);
  const keepTagsMs = Math.max(DAY_MS, 2 * (options.ttlMs + keepStaleMs));
  const parts = { tier, ticker, tags, audience };
  const values = { codec, maxValueBytes, keepStaleMs, keepTagsMs };
  return new L2(parts, { prefix, ...values, leaseMs, onBusLoss });
}
