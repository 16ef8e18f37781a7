import { startRedisSentinel } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import type { Fault } from './checker/faults.ts';
import { judge } from './checker/judge.ts';
import { makeHistory } from './checker/run.ts';
import { Fleet, range, say, until } from './faults/fleet.ts';

const ttlMs = 6000;
const bounds = { busMs: 1500, lostMs: ttlMs + 1500 };
const rows = 100;

const sentinel = useServer(startRedisSentinel, { own: true });

/** The master stops for longer than the sentinels wait, and goes on after another one has taken its place. */
const failover: Fault = {
  ...{ name: 'failover', strikes: 'server', deafens: 'all' },
  strike: () => sentinel().nodes[0]?.pause(),
  async heal() {
    await sentinel().nodes[0]?.resume();
    await sentinel().untilHealthy();
  },
};

test('a failover by sentinels undoes deletes for a ttl at most; before it and after it nobody is given an old value', {
  timeout: 120_000,
}, async () => {
  const sentinels = sentinel().url.split(',');
  const redis = { sentinels, master: sentinel().master };
  await using fleet = await Fleet.start(3, redis, () => ({
    ttlMs,
    timeoutMs: 300,
    tracking: true,
  }));
  await fleet.calm();
  const plan = { seed: Math.floor(Math.random() * 1_000_000), rows, roundMs: 2000 };
  const before = judge(await makeHistory(fleet, sentinel(), { ...plan, rounds: [[]] }), bounds);
  const history = await makeHistory(fleet, sentinel(), {
    ...plan,
    roundMs: 5000,
    rounds: [[failover]],
  });
  const later = await makeHistory(fleet, sentinel(), { ...plan, rounds: [[]] });
  const after = judge(later, bounds);
  const { violations: undone } = judge(history, bounds);
  const reads = later.filter(({ kind }) => kind === 'read');
  const { violations: beyond, ...counts } = judge([...history, ...reads], {
    ...bounds,
    busMs: ttlMs + 1500,
  });
  const { reads: read, writes, unacknowledged } = counts;
  const stale = before.violations.length + after.violations.length;
  say('failover by sentinels', {
    ...{ seed: plan.seed, reads: read, writes, unacknowledged },
    ...{ undone: undone.length, beyond: beyond.length, stale },
  });
  expect([...before.violations, ...after.violations].slice(0, 3)).toEqual([]);
  expect(beyond.slice(0, 3)).toEqual([]);
  expect(unacknowledged).toBeGreaterThan(0);
  expect(await fleet.stale(range(0, rows))).toBe(0);
  expect(await unheard(fleet)).toBe(0);
  expect(await fleet.rejections()).toBe(0);
});

/** Somebody who knows of no cache changes rows on the new master: how many old ones are served when all should have heard. */
async function unheard(fleet: Fleet): Promise<number> {
  const all = range(0, rows);
  const [host = '', port] = sentinel().url.split(',')[0]?.split('//')[1]?.split(':') ?? [];
  const sentinels = [{ host, port: Number(port) }];
  const outsider = new Redis({ sentinels, name: sentinel().master });
  for (const row of all) fleet.rows.change(row);
  await outsider.unlink(...all.map((row) => fleet.nameOf(row)));
  outsider.disconnect();
  for (const node of fleet.nodes) {
    await until('all have heard', 2000, async () => {
      return fleet.countStale(all, await node.call('peek', all)) === 0;
    });
  }
  return fleet.stale(all);
}
