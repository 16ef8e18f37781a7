import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis, startValkey, type TestServer } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { Fault } from './checker/faults.ts';
import { judge } from './checker/judge.ts';
import { makeHistory } from './checker/run.ts';
import { Fleet, say } from './faults/fleet.ts';

const KiB = 1024;

/** Fills what is left of the memory again and again, until it is told to stop. */
class Flood {
  #isOver = false;
  #flowing: Promise<void> = Promise.resolve();
  readonly #policy: string;

  constructor(policy: string) {
    this.#policy = policy;
  }

  start(url: string): void {
    this.#isOver = false;
    this.#flowing = this.#flow(url);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#flowing;
  }

  async #flow(url: string): Promise<void> {
    const client = new Redis(url);
    const [used] = /(?<=used_memory:)\d+/.exec(await client.info('memory')) ?? ['0'];
    await client.config('SET', 'maxmemory-policy', this.#policy);
    await client.config('SET', 'maxmemory', Number(used) + 100 * KiB);
    for (let i = 0; !this.#isOver; i += 1) {
      // Refused where nothing is evicted. Many times what is left, which grows when buffers of clients shrink.
      await client.set(`flood:${i % 2_000}`, 'x'.repeat(2 * KiB + (i % 7))).catch(() => undefined);
      if (i % 20 === 0) await sleep(1);
    }
    await client.config('SET', 'maxmemory', 0);
    client.disconnect();
  }
}

async function numberOf(server: TestServer, field: RegExp): Promise<number> {
  const client = new Redis(server.url);
  const [value] = field.exec(await client.info('everything')) ?? [];
  client.disconnect();
  return Number(value);
}

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('when the memory of %s is full', (name, start) => {
  const server = useServer(start, { own: true });

  test.each([
    ['noeviction', 'refuses writes', /(?<=errorstat_OOM:count=)\d+/],
    ['allkeys-lru', 'forgets values and leases', /(?<=evicted_keys:)\d+/],
  ])('%s: it %s, and nobody is given an old value', async (policy, what, field) => {
    await using fleet = await Fleet.start(3, server().url);
    const flood = new Flood(policy);
    const fault: Fault = {
      ...{ name: policy, strikes: 'server', deafens: 'nobody' },
      strike: () => flood.start(server().url),
      heal: () => flood.stop(),
    };
    const plan = { seed: 11, rows: 200, roundMs: 1500, rounds: [[fault]] };
    const { violations, reads, writes, unacknowledged } = judge(
      await makeHistory(fleet, server(), plan),
      { busMs: 1500, lostMs: 600_000 },
    );
    const times = await numberOf(server(), field);
    const health = await fleet.node(0).call('health');
    const heapMiB = Math.round(health.heapBytes / KiB / KiB);
    const counts = { reads, writes, unacknowledged, heapMiB, stale: violations.length };
    say(`${name}, ${policy}`, { [what]: times, ...counts });
    expect(violations.slice(0, 3)).toEqual([]);
    expect(times).toBeGreaterThan(0);
    expect(await fleet.rejections()).toBe(0);
    expect(heapMiB).toBeLessThan(100);
  });
});
