import { createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { say, until } from './faults/fleet.ts';

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('four processes that want the same value on %s', (name, start) => {
  const server = useServer(start, { own: true });
  const connections: Redis[] = [];

  afterEach(() => {
    for (const connection of connections.splice(0)) connection.disconnect();
  });

  async function open(hears: boolean, tracking: boolean) {
    const client = new Redis(server().url);
    const subscriber = client.duplicate({ protocol: 2 });
    connections.push(client, subscriber);
    await until('connected', 5000, () => client.status === 'ready');
    const options = { client, timeoutMs: 1000, tracking };
    const l2 = redisTier(hears ? { ...options, subscriber } : options);
    return createCache<string>({ name: 'waiting', ttlMs: 60_000, l2 });
  }

  /** How many scripts Redis has run. */
  async function scripts(client: Redis): Promise<number> {
    const stats = await client.info('commandstats');
    const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)];
    return calls.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  test.each([
    ['hear each other', true, false],
    ['hear each other and track', true, true],
    ['hear nothing', false, false],
  ])('when they %s', async (how, hears, tracking) => {
    const fleet = await Promise.all([0, 1, 2, 3].map(() => open(hears, tracking)));
    const [observer] = connections;
    if (!observer) throw new Error('no connection');
    const load = vi.fn(() => row.promise);
    const row = Promise.withResolvers<string>();
    if (hears) {
      await until('all hear each other', 5000, async () => {
        await fleet[0]?.set('probe', 'value');
        for (const cache of fleet) await cache.get('probe');
        await fleet[0]?.delete('probe');
        await new Promise((resolve) => setTimeout(resolve, 50));
        return fleet.every((cache) => cache.peek('probe') === undefined);
      });
    }
    const key = `${how}`;
    const values = fleet.map((cache) => cache.getOrSet(key, load));
    await until('three wait', 5000, () => {
      return fleet.reduce((sum, cache) => sum + cache.stats().l2.leaseWaits, 0) === 3;
    });
    const before = await scripts(observer);
    await new Promise((resolve) => setTimeout(resolve, 300));
    row.resolve('value');
    expect(await Promise.all(values)).toEqual(['value', 'value', 'value', 'value']);
    const asked = (await scripts(observer)) - before;
    say(`three wait for 300 ms on ${name} when they ${how}`, {
      asked,
      loads: load.mock.calls.length,
    });
    expect(load).toHaveBeenCalledTimes(1);
    // One write, which Redis may have to learn first, and one question of each who waits.
    if (hears) expect(asked).toBeLessThanOrEqual(5);
    else expect(asked).toBeGreaterThan(8);
    for (const cache of fleet) await cache.close();
  });
});
