import { once } from 'node:events';
import { type Cache, type CacheOptions, createCache, type ManyLoader } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { type FaultProxy, startProxy, startRedisCluster } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Cluster, Redis } from 'ioredis';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Fault } from './checker/faults.ts';
import type { Event } from './checker/history.ts';
import { judge } from './checker/judge.ts';
import { makeHistory } from './checker/run.ts';
import { Fleet, range, say } from './faults/fleet.ts';
import type { NodeOptions } from './faults/node.child.ts';
import { moveRows, rowsOnFirst } from './faults/slots.ts';

const cluster = useServer(startRedisCluster, { own: true });

const addressOf = (url: string) => new URL(url).host;

/** Where a process hears the others: a replica. */
const ears = () => cluster().nodes[5]?.url ?? '';

test('who hears of a change finds no older value, though another master than that of the message is slow', async () => {
  const proxies = new Map<string, FaultProxy>();
  for (const { url } of cluster().nodes) {
    proxies.set(addressOf(url), await startProxy({ target: url }));
  }
  const detours = Object.fromEntries(
    [...proxies].map(([address, { port }]) => [address, { host: '127.0.0.1', port }]),
  );
  const straight = { cluster: cluster().url.split(','), ears: ears() };
  await using fleet = await Fleet.start(2, straight, (index) =>
    index === 0 ? { redis: { ...straight, detours }, timeoutMs: 2000 } : {},
  );
  const [writer, reader] = [fleet.node(0), fleet.node(1)];
  const wanted = range(0, 100);
  await writer.call('load', wanted);
  await reader.call('load', wanted);
  await fleet.calm();
  proxies.get(addressOf(cluster().nodes[0]?.url ?? ''))?.delay(200);
  const writing = writer.call('changeAndDelete', wanted);
  let reads = 0;
  let isDone = false;
  void writing.finally(() => {
    isDone = true;
  });
  for (; !isDone; reads += 1) await reader.call('get', wanted);
  const acknowledged = (await writing).filter(Boolean).length;
  await fleet.calm();
  const stale = await fleet.stale(wanted);
  say('Cluster with a slow master', { acknowledged, reads, stale });
  expect(stale).toBe(0);
  await Promise.all([...proxies.values()].map((proxy) => proxy.stop()));
});

describe('many keys on a Cluster', () => {
  const clients: { disconnect(): void }[] = [];
  /** Others than those of the fleet below, whose slots have to stay. */
  const rows = range(500, 620);
  const keys = rows.map((row) => `row${row}`);
  const loadAll = () =>
    vi.fn<ManyLoader<string>>(async (missing) => new Map(missing.map((key) => [key, key])));
  let run = 0;

  /** A cache as another process would have it. */
  async function open(
    options: Partial<CacheOptions> = {},
    enableAutoPipelining = false,
  ): Promise<Cache<string>> {
    const client = new Cluster(cluster().url.split(','), { enableAutoPipelining });
    clients.push(client);
    await once(client, 'ready');
    const l2 = redisTier({ client, timeoutMs: 1000 });
    return createCache({ name: `many-${run}`, ttlMs: 600_000, l2, ...options });
  }

  /** How often each of these commands was sent to any node, since it was last asked. */
  async function commands(...names: string[]): Promise<number[]> {
    const sent = names.map(() => 0);
    for (const { url } of cluster().nodes) {
      const node = new Redis(url);
      const info = await node.info('commandstats');
      await node.config('RESETSTAT');
      node.disconnect();
      for (const [i, name] of names.entries()) {
        const calls = new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(info)?.[1];
        sent[i] = (sent[i] ?? 0) + Number(calls ?? 0);
      }
    }
    return sent;
  }

  afterEach(() => {
    run += 1;
    for (const client of clients.splice(0)) client.disconnect();
  });

  test.each([
    ['a command for each', false],
    ['automatic pipelines', true],
  ])('are read by %s, and what is missing by one call of the loader', async (_how, pipelining) => {
    await using here = await open({}, pipelining);
    await using there = await open({}, pipelining);
    const load = loadAll();
    await here.getMany(keys.slice(0, 60), load);
    await commands();
    expect([...(await there.getMany([...keys, ...keys], load)).keys()]).toEqual(keys);
    expect(load.mock.calls.map(([missing]) => missing.toSorted())).toEqual([
      keys.slice(0, 60),
      keys.slice(60),
    ]);
    // A MGET may have keys of one slot only, and hardly two keys share one. One is for the id of
    // everything; the scripts that take a lease and write under it look at each missing key.
    expect(await commands('get', 'mget')).toEqual([120 + 1 + 2 * 60, 0]);
    expect(there.stats()).toMatchObject({ loads: 60, l2: { hits: 60, failures: 0 } });
  });

  test('are all found while their slots move, each with its own value', async () => {
    await using here = await open();
    // It has nothing in memory that need not be asked for in Redis.
    await using there = await open({ l1: { ttlMs: 1 } });
    await here.getMany(keys, loadAll());
    const load = loadAll();
    let isOver = false;
    const moving = moveRows(cluster(), rows).finally(() => {
      isOver = true;
    });
    let rounds = 0;
    for (; !isOver; rounds += 1) {
      const found = await there.getMany(keys, load);
      expect([...found]).toEqual(keys.map((key) => [key, key]));
    }
    const moved = await moving;
    await using later = await open();
    load.mockClear();
    expect((await later.getMany(keys, load)).size).toBe(keys.length);
    say('120 keys whose slots move', { moved, rounds });
    expect(load).not.toHaveBeenCalled();
    expect(moved).toBeGreaterThan(20);
  });

  test('by a client of one node only, whose answers are MOVED and CROSSSLOT, come from the loader', async () => {
    const client = new Redis(cluster().nodes[0]?.url ?? '');
    clients.push(client);
    await expect(client.mget('a', 'b')).rejects.toThrow(/^CROSSSLOT/);
    await using cache = createCache<string>({
      ...{ name: 'one-node', ttlMs: 600_000 },
      l2: redisTier({ client, timeoutMs: 1000 }),
    });
    const load = loadAll();
    expect((await cache.getMany(keys, load)).size).toBe(keys.length);
    expect(load).toHaveBeenCalledOnce();
    expect(cache.stats().l2.failures).toBeGreaterThan(0);
  });
});

describe('a fleet on a Cluster', () => {
  const rows = 120;
  const seed = Math.floor(Math.random() * 1_000_000);
  let fleet: Fleet;

  async function open(options: Partial<NodeOptions> = {}): Promise<void> {
    const redis = { cluster: cluster().url.split(','), ears: ears() };
    fleet = await Fleet.start(3, redis, () => ({ timeoutMs: 400, ...options }));
    await fleet.calm();
  }

  afterEach(async () => {
    expect(await fleet.rejections()).toBe(0);
    await fleet.stop();
  });

  test('is given no old value while slots move', async () => {
    await open();
    let moved = 0;
    const move: Fault = {
      ...{ name: 'slots move', strikes: 'server', deafens: 'nobody' },
      async strike() {
        moved += await moveRows(cluster(), range(0, rows));
      },
    };
    const plan = { seed, rows, roundMs: 2000, rounds: [[move], []] };
    const history = await makeHistory(fleet, cluster(), plan);
    const { violations, ...counts } = judge(history, { busMs: 1500, lostMs: 600_000 });
    say('slots that move', { seed, moved, ...rounded(counts), stale: violations.length });
    expect(violations.slice(0, 3)).toEqual([]);
    expect(moved).toBeGreaterThan(20);
  });

  test('is given no old value when a master is replaced, but of that master, for a ttl at most', async () => {
    const ttlMs = 5000;
    await open({ ttlMs });
    const onFirst = await rowsOnFirst(cluster(), range(0, rows));
    const failover: Fault = {
      ...{ name: 'failover', strikes: 'server', deafens: 'nobody' },
      strike: () => cluster().nodes[0]?.kill(),
      async heal() {
        await cluster().nodes[0]?.restart();
        await cluster().untilHealthy();
      },
    };
    const plan = { seed, rows, roundMs: 4500, rounds: [[failover], []] };
    const history = await makeHistory(fleet, cluster(), plan);
    const isHurt = (event: Event) => 'row' in event && onFirst.has(event.row);
    const bounds = { busMs: 1500, lostMs: ttlMs + 1500 };
    const elsewhere = judge(
      history.filter((event) => !isHurt(event)),
      bounds,
    );
    const there = history.filter((event) => isHurt(event) || !('row' in event));
    const undone = judge(there, bounds).violations.length;
    const beyond = judge(there, { ...bounds, busMs: ttlMs + 1500 }).violations.length;
    const { violations, ...counts } = elsewhere;
    const stale = violations.length;
    say('a master that is replaced', { seed, ...rounded(counts), undone, beyond, stale });
    expect(violations.slice(0, 3)).toEqual([]);
    expect(beyond).toBe(0);
    expect(counts.unacknowledged).toBeLessThan(counts.writes);
  });
});

function rounded(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, Math.round(n)]));
}
