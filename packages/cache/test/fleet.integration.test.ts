import { type Cache, createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { startRedis } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Member, startMember } from './fleet.ts';

const server = useServer(startRedis, { own: true });
let members: Member[] = [];
let client: Redis;
let cache: Cache<string>;

beforeAll(async () => {
  const starting = Array.from({ length: 4 }, () => startMember(server().url));
  members = await Promise.all(starting);
  client = new Redis(server().url, { lazyConnect: true });
  await client.connect();
});
beforeEach(() => {
  cache = createCache({
    name: 'fleet',
    ttlMs: 60_000,
    l2: redisTier({ client, timeoutMs: 1000 }),
  });
});
afterEach(() => cache.close());
afterAll(async () => {
  await Promise.all(members.map((member) => member.stop()));
  client.disconnect();
});

test('one process finds what another one has loaded', async () => {
  const [one, other] = members;
  const loaded = await one?.order({ do: 'load', key: 'shared', callers: 100, value: 'from one' });
  expect(loaded).toEqual({ value: 'from one', loads: 1 });
  const found = await other?.order({
    do: 'load',
    key: 'shared',
    callers: 100,
    value: 'from other',
  });
  expect(found).toEqual({ value: 'from one', loads: 0 });
});

test('4 processes with 250 callers each load a missing key once', async () => {
  const before = await Promise.all(members.map((member) => member.loads()));
  const order = { do: 'load', key: 'fleet', callers: 250, value: 'value' } as const;
  const reports = await Promise.all(members.map((member) => member.order(order)));
  expect(reports.map(({ value }) => value)).toEqual(['value', 'value', 'value', 'value']);
  const loads = reports.map((report, i) => report.loads - (before[i] ?? 0));
  expect(loads.reduce((sum, each) => sum + each, 0)).toBe(1);
});

test('what a process loads while another one deletes the key is written to no tier', async () => {
  const [one, other, third] = members;
  const order = { do: 'load', key: 'raced', callers: 1, value: 'old row', takesMs: 300 } as const;
  const loading = one?.order(order);
  await vi.waitFor(async () => expect(await client.exists('~fleet:v1:{raced}')).toBe(1));
  await other?.order({ do: 'delete', key: 'raced' });
  expect(await loading).toMatchObject({ value: 'old row' });
  for (const member of [one, third]) {
    expect((await member?.order({ do: 'get', key: 'raced' }))?.value).toBeUndefined();
  }
});

test('when the process that loads is killed, another one loads after the time of a lease', async () => {
  const doomed = await startMember(server().url);
  const order = { do: 'load', key: 'orphan', callers: 1, value: 'never', takesMs: 60_000 } as const;
  const lost = doomed.order(order).catch(() => 'lost');
  await vi.waitFor(async () => expect(await client.exists('~fleet:v1:{orphan}')).toBe(1));
  await doomed.kill();
  expect(await lost).toBe('lost');
  const report = await members[0]?.order({ do: 'load', key: 'orphan', callers: 1, value: 'saved' });
  expect(report).toMatchObject({ value: 'saved' });
  expect(await cache.get('orphan')).toBe('saved');
});

test('goes on after SCRIPT FLUSH and FLUSHALL', async () => {
  await client.script('FLUSH');
  expect(await cache.getOrSet('scripts', () => 'value')).toBe('value');
  await client.flushall();
  const other = createCache<string>({ name: 'fleet', ttlMs: 60_000, l2: redisTier({ client }) });
  expect(await other.getOrSet('scripts', () => 'again')).toBe('again');
  await other.close();
});

test('a delete in one process takes the value out of L2 for all', async () => {
  const [one, other] = members;
  await one?.order({ do: 'set', key: 'gone', value: 'old' });
  expect(await other?.order({ do: 'delete', key: 'gone' })).toMatchObject({ acknowledged: true });
  expect(await cache.get('gone')).toBeUndefined();
});

test('10,000 callers of a missing key cost one read of Redis, one lease, one load and one write', async () => {
  const before = await commands();
  const load = () => 'value';
  const calls = Array.from({ length: 10_000 }, () => cache.getOrSet('crowd', load));
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['value']));
  expect(cache.stats()).toMatchObject({ loads: 1, sharedFlights: 9999 });
  expect((await commands()) - before).toBe(3);
});

test('10,000 callers share the error of one load, and the next caller loads again', async () => {
  const fail = () => Promise.reject(new Error('database is away'));
  const calls = Array.from({ length: 10_000 }, () => cache.getOrSet('failing', fail));
  const settled = await Promise.allSettled(calls);
  expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
  expect(cache.stats()).toMatchObject({ loads: 1, loadFailures: 1 });
  expect(await cache.getOrSet('failing', () => 'healed')).toBe('healed');
});

test('keys of every kind are kept apart in Redis', async () => {
  const keys = ['', ' ', '{}', '{a}', 'a', '%', '\0', 'ü', 'x'.repeat(5000), 'x'.repeat(5001)];
  await Promise.all(keys.map((key) => cache.set(key, `value of ${key}`)));
  const other = createCache<string>({ name: 'fleet', ttlMs: 60_000, l2: redisTier({ client }) });
  const found = await Promise.all(keys.map((key) => other.get(key)));
  expect(found).toEqual(keys.map((key) => `value of ${key}`));
  await other.close();
});

test('Redis forgets a value after its ttl and the time it is kept for failing loaders', async () => {
  const keeping = createCache<string>({
    name: 'keeping',
    ttlMs: 60_000,
    staleIfErrorMs: 30_000,
    l2: redisTier({ client }),
  });
  await keeping.set('a', 'value');
  const left = await client.pttl('keeping:v1:{a}');
  expect(left).toBeGreaterThan(80_000);
  expect(left).toBeLessThanOrEqual(90_000);
  await keeping.close();
});

async function commands(): Promise<number> {
  const stats = await client.info('commandstats');
  return [...stats.matchAll(/^cmdstat_(?:mget|evalsha):calls=(\d+)/gm)]
    .map(([, calls]) => Number(calls))
    .reduce((sum, calls) => sum + calls, 0);
}
