import fc from 'fast-check';
import CachePolicy from 'http-cache-semantics';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cacheHeaders } from './cache-headers.ts';
import { upstreamLife } from './upstream.ts';

// What another implementation of RFC 9111, that of `got`, makes of the same headers.

const nowMs = Date.UTC(2026, 0, 1);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: nowMs });
});
afterEach(() => {
  vi.useRealTimers();
});

function judge(headers: Readonly<Record<string, string>>, shared = true): CachePolicy {
  const lowered = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const response = { status: 200, headers: Object.fromEntries(lowered) };
  return new CachePolicy({ method: 'GET', url: '/', headers: {} }, response, { shared });
}

const life = fc.record({
  ageMs: fc.nat(10_000_000),
  ttlMs: fc.integer({ min: -10_000_000, max: 10_000_000 }),
});
const facts = { tags: [], tier: 'l2', etag: '1' };

test('a CDN keeps a response for the rest of the ttl, and a browser as long as it may', () => {
  fc.assert(
    fc.property(life, fc.nat(1_000_000), (given, browserTtlMs) => {
      const headers = cacheHeaders({ ...facts, ...given }, { isPublic: true, browserTtlMs });
      const restMs = Math.max(0, given.ttlMs);
      const shared = judge(headers).timeToLive();
      expect(judge(headers).storable()).toBe(true);
      expect(shared).toBeLessThanOrEqual(restMs);
      expect(shared).toBeGreaterThan(restMs - 1000);
      const own = judge(headers, false).timeToLive();
      expect(own).toBeLessThanOrEqual(Math.min(restMs, browserTtlMs));
      expect(own).toBeGreaterThan(Math.min(restMs, browserTtlMs) - 1000);
    }),
  );
});

const windows: [pastMs: number, how: string][] = [
  [-5_000, 'from the cache'],
  [10_000, 'from the cache, and asks beside'],
  [59_000, 'from the cache, and asks beside'],
  [61_000, 'after asking'],
];
test.each(windows)(
  '%i ms past its ttl a CDN that may serve it for a minute answers %s',
  (pastMs, how) => {
    const entry = { ...facts, ageMs: 300_000 + pastMs, ttlMs: -pastMs };
    const options = { isPublic: true, staleWhileRevalidateMs: 60_000 };
    const policy = judge(cacheHeaders(entry, options));
    const { revalidation } = policy.evaluateRequest({ method: 'GET', url: '/', headers: {} });
    const answers = revalidation?.synchronous ? 'after asking' : 'from the cache, and asks beside';
    expect(revalidation ? answers : 'from the cache').toBe(how);
  },
);

test('what is not public is kept by nobody', () => {
  const headers = cacheHeaders({ ...facts, ageMs: 0, ttlMs: 1000 });
  expect([judge(headers).storable(), judge(headers, false).storable()]).toEqual([false, false]);
});

const seconds = fc.nat(100_000).map(String);
const date = fc.nat(200_000).map((s) => new Date(nowMs + (s - 100_000) * 1000).toUTCString());
const directive = fc.oneof(
  fc.constantFrom('public', 'private', 'no-store', 'no-cache', 'must-revalidate'),
  seconds.map((s) => `max-age=${s}`),
  seconds.map((s) => `s-maxage="${s}"`),
);
const names = (one: string) => one.split('=')[0];
const upstream = fc.record(
  {
    'cache-control': fc
      .uniqueArray(directive, { selector: names, maxLength: 4 })
      .map((all) => all.join(', ')),
    age: seconds,
    expires: date,
    vary: fc.constantFrom('Accept', '*'),
  },
  { requiredKeys: ['cache-control'] },
);

test('what may be stored of another service, and for how long, is judged alike', () => {
  fc.assert(
    fc.property(upstream, (given) => {
      const headers = { date: new Date(nowMs).toUTCString(), ...given };
      const policy = judge(headers);
      const { isStorable, ttlMs } = upstreamLife(headers);
      expect(isStorable).toBe(policy.storable() && policy.timeToLive() > 0);
      if (isStorable) expect(ttlMs).toBe(policy.timeToLive());
    }),
    { numRuns: 1000 },
  );
});
