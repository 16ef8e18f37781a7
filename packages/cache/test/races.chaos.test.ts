import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fleet, range, say, until } from './faults/fleet.ts';

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('three processes on %s', (name, start) => {
  const server = useServer(start, { own: true });
  let fleet: Fleet;
  let loadsBefore: number;

  beforeEach(async () => {
    fleet = await Fleet.start(3, server().url, () => ({ timeoutMs: 3000 }));
    await fleet.calm();
    loadsBefore = (await fleet.node(1).call('stats')).loads;
  });
  afterEach(async () => {
    expect(await fleet.rejections()).toBe(0);
    await fleet.stop();
  });

  /** Resolves when the second process runs 100 loaders more than when it had started. */
  async function loadersRun(): Promise<void> {
    await until('all loaders run', 5000, async () => {
      const { loads } = await fleet.node(1).call('stats');
      return loads >= loadsBefore + 100;
    });
  }

  test('200 updates while another process reads the old values from L2 leave none behind', async () => {
    const [deleted, set] = [range(0, 100), range(100, 200)];
    const all = [...deleted, ...set];
    const [writer, reader] = [fleet.node(0), fleet.node(1)];
    await writer.call('load', all);
    reader.data?.delay(150);
    const reading = reader.call('get', all);
    await sleep(220);
    const acknowledged = [
      ...(await writer.call('changeAndDelete', deleted)),
      ...(await writer.call('changeAndSet', set)),
    ].filter(Boolean).length;
    const raced = fleet.countStale(all, await reading);
    reader.data?.heal();
    const stale = await fleet.stale(all);
    say(`updates during reads of L2 on ${name}`, { acknowledged, raced, stale });
    expect({ acknowledged, stale }).toEqual({ acknowledged: 200, stale: 0 });
    expect(raced).toBeGreaterThan(100);
  });

  test.each([
    ['here', 1, 'heard'],
    ['there', 2, 'heard'],
    ['there', 2, 'not heard'],
  ])(
    '100 deletes %s by process %i, %s, while loaders have the old rows leave none behind',
    async (where, deleter, news) => {
      const all = range(0, 100);
      // Who does not hear of the delete must be told by Redis when it writes.
      if (news === 'not heard') fleet.node(1).ears?.blackHole();
      const loading = fleet.node(1).call('load', all, { takesMs: 500 });
      await loadersRun();
      const acknowledged = await fleet.node(deleter).call('changeAndDelete', all);
      // Waiting for the next version begins while the old one is on its way.
      const next = fleet.node(0).call('load', all);
      const raced = fleet.countStale(all, await loading);
      fleet.node(1).ears?.heal();
      await fleet.calm();
      const stale = fleet.countStale(all, await next) + (await fleet.stale(all));
      const { fencedWrites } = await fleet.node(1).call('stats');
      const counts = { deleted: acknowledged.filter(Boolean).length, raced, fencedWrites, stale };
      say(`deletes ${where}, ${news}, during loads on ${name}`, counts);
      expect(counts).toEqual({ deleted: 100, raced: 100, fencedWrites: 100, stale: 0 });
    },
  );

  test.each(['before', 'after'])(
    '100 deletes of keys whose loading process is killed %s leave no old row behind, and nobody waits long',
    async (when) => {
      const all = range(0, 100);
      const loader = fleet.node(1);
      const lost = loader.call('load', all, { takesMs: 400 }).catch(() => 'lost');
      await loadersRun();
      if (when === 'before') await loader.kill();
      const acknowledged = await fleet.node(2).call('changeAndDelete', all);
      // Some of their values may be on their way to Redis.
      if (when === 'after') await sleep(380).then(() => loader.kill());
      const startedAt = performance.now();
      const first = fleet.countStale(all, await fleet.node(0).call('load', all));
      const waitedMs = Math.round(performance.now() - startedAt);
      await loader.restart();
      const stale = first + (await fleet.stale(all));
      const deleted = acknowledged.filter(Boolean).length;
      say(`loader killed ${when} the delete on ${name}`, { deleted, waitedMs, stale });
      expect({ deleted, stale }).toEqual({ deleted: 100, stale: 0 });
      // The delete has ended the leases of the dead: nobody waits for their time (3 s).
      expect(waitedMs).toBeLessThan(2500);
      expect(await lost).toBeDefined();
    },
  );

  test('200 updates while a process hears nothing are seen when it has noticed, and all when it hears again', async () => {
    const [during, later] = [range(0, 100), range(100, 200)];
    const deaf = fleet.node(2);
    await fleet.stale([...during, ...later]);
    const { busLosses } = (await deaf.call('stats')).l2;
    deaf.ears?.cut();
    await fleet.node(0).call('changeAndDelete', during);
    await until('the loss is noticed', 5000, async () => {
      const { l2 } = await deaf.call('stats');
      return l2.busLosses > busLosses;
    });
    const noticed = fleet.countStale(during, await deaf.call('load', during));
    await deaf.call('load', later);
    await fleet.node(1).call('changeAndSet', later);
    const unheard = fleet.countStale(later, await deaf.call('peek', later));
    const elsewhere = await fleet.stale(later, [fleet.node(0), fleet.node(1)]);
    deaf.ears?.heal();
    await fleet.calm();
    const stale = await fleet.stale([...during, ...later]);
    say(`updates while the bus is cut on ${name}`, { noticed, unheard, elsewhere, stale });
    expect({ noticed, elsewhere, stale }).toEqual({ noticed: 0, elsewhere: 0, stale: 0 });
  });
});

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])(
  'somebody who knows of no cache changes rows, and three processes track on %s',
  (name, start) => {
    const server = useServer(start, { own: true });
    const all = range(0, 100);
    let fleet: Fleet;
    let outsider: Redis;

    beforeEach(async () => {
      outsider = new Redis(server().url);
      fleet = await Fleet.start(3, server().url, () => ({ timeoutMs: 3000, tracking: true }));
      await fleet.calm();
    });
    afterEach(async () => {
      expect(await fleet.rejections()).toBe(0);
      outsider.disconnect();
      await fleet.stop();
    });

    /** Changes the rows, and then what Redis has of them. */
    async function change(act: (name: string) => Promise<unknown>): Promise<void> {
      for (const row of all) fleet.rows.change(row);
      await Promise.all(all.map((row) => act(fleet.nameOf(row))));
    }

    /** What every process serves once it has heard of the change: old ones, and loads in the whole fleet. */
    async function count() {
      const loadsOf = async () => {
        const stats = await Promise.all(fleet.nodes.map((node) => node.call('stats')));
        return stats.reduce((sum, { loads }) => sum + loads, 0);
      };
      const before = await loadsOf();
      for (const node of fleet.nodes) {
        await until('the change is heard', 5000, async () => {
          const kept = await node.call('peek', all);
          return fleet.countStale(all, kept) === 0;
        });
      }
      const stale = await fleet.stale(all);
      return { stale, loads: (await loadsOf()) - before };
    }

    test.each<[string, (name: string) => Promise<unknown>]>([
      ['DEL', (key) => outsider.del(key)],
      ['SET', (key) => outsider.set(key, 'of another language')],
      ['PEXPIRE', (key) => outsider.pexpire(key, 1)],
    ])('100 rows changed by %s are served old by nobody, and loaded once', async (how, act) => {
      for (const node of fleet.nodes) await node.call('load', all);
      await change(act);
      const counts = await count();
      say(`${how} by somebody else on ${name}`, counts);
      expect(counts).toEqual({ stale: 0, loads: 100 });
    });

    test('100 rows deleted while other processes read the old ones from Redis are served old by nobody', async () => {
      const reader = fleet.node(1);
      await fleet.node(0).call('load', all);
      reader.data?.delay(150);
      const reading = reader.call('get', all);
      await sleep(220);
      await change((key) => outsider.del(key));
      const raced = fleet.countStale(all, await reading);
      reader.data?.heal();
      const { stale } = await count();
      say(`DEL by somebody else during reads on ${name}`, { raced, stale });
      expect(stale).toBe(0);
      expect(raced).toBeGreaterThan(50);
    });

    test('100 rows deleted with their leases while loaders have the old ones are served old by nobody', async () => {
      const { loads } = await fleet.node(1).call('stats');
      const loading = fleet.node(1).call('load', all, { takesMs: 500 });
      await until('all loaders run', 5000, async () => {
        return (await fleet.node(1).call('stats')).loads >= loads + 100;
      });
      await change((key) => outsider.del(key, `~${key}`));
      const raced = fleet.countStale(all, await loading);
      const { stale } = await count();
      say(`DEL by somebody else during loads on ${name}`, { raced, stale });
      expect({ raced, stale }).toEqual({ raced: 100, stale: 0 });
    });

    test.each(['ears', 'data'] as const)(
      '100 rows deleted while the %s of a process are cut are served old by nobody once that is noticed',
      async (way) => {
        const deaf = fleet.node(2);
        await fleet.stale(all);
        const { busLosses } = (await deaf.call('stats')).l2;
        deaf[way]?.cut();
        await change((key) => outsider.del(key));
        await until('the loss is noticed', 5000, async () => {
          return (await deaf.call('stats')).l2.busLosses > busLosses;
        });
        const noticed = fleet.countStale(all, await deaf.call('load', all));
        deaf[way]?.heal();
        await fleet.calm();
        const { stale } = await count();
        say(`DEL by somebody else while ${way} are cut on ${name}`, { noticed, stale });
        expect({ noticed, stale }).toEqual({ noticed: 0, stale: 0 });
      },
    );
  },
);
