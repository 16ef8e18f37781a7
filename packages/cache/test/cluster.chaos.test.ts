import { type FaultProxy, startProxy, startRedisCluster } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { afterEach, describe, expect, test } from 'vitest';
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
