import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { afterEach, describe, expect, test } from 'vitest';
import { Fleet, type Node, range, say } from './faults/fleet.ts';

const ttlMs = 1000;
const hourMs = 3_600_000;
const rows = range(0, 100);

describe('processes whose wall clocks disagree', () => {
  const server = useServer(startRedis, { own: true });
  let fleet: Fleet;

  afterEach(async () => {
    expect(await fleet.rejections()).toBe(0);
    await fleet.stop();
  });

  async function open(offsets: readonly number[]): Promise<void> {
    fleet = await Fleet.start(offsets.length, server().url, (i) => ({
      ...{ ttlMs, timeoutMs: 1000, wallOffsetMs: offsets[i] ?? 0 },
    }));
    await fleet.calm();
  }

  /** Changes all rows without telling the cache; gives for how long it served one of the old ones to who first asks after a while. */
  async function ageOfOldest(readers: readonly Node[], firstAfterMs = 0): Promise<number> {
    const loadedAt = performance.now();
    for (const row of rows) fleet.rows.change(row);
    await sleep(firstAfterMs);
    let oldest = 0;
    let wasOld = true;
    while (wasOld) {
      wasOld = false;
      for (const reader of readers) {
        const askedAt = performance.now();
        const old = fleet.countStale(rows, await reader.call('load', rows));
        if (old > 0) oldest = Math.max(oldest, askedAt - loadedAt);
        wasOld ||= old > 0;
      }
      await sleep(20);
    }
    return Math.round(oldest);
  }

  test.each([
    ['ahead', 2500, -2500],
    ['behind', -2500, 2500],
  ])(
    'a loader that is 5 s %s makes no value live longer than its ttl and these 5 s, and no delete is missed',
    async (how, loader, reader) => {
      await open([loader, reader]);
      await fleet.node(0).call('load', rows);
      const ageMs = await ageOfOldest([fleet.node(1), fleet.node(0)], ttlMs - 400);
      await fleet.stale(rows);
      await fleet.node(0).call('changeAndDelete', rows);
      await fleet.calm();
      const stale = await fleet.stale(rows);
      say(`a loader 5 s ${how}`, { ttlMs, ageMs, stale });
      expect(ageMs).toBeLessThan(ttlMs + 5000);
      expect(stale).toBe(0);
    },
  );

  test.each([
    ['forward', hourMs],
    ['back', -hourMs],
  ])(
    'a clock that jumps an hour %s, and returns, makes no value live longer than its ttl twice, and no delete is missed',
    async (how, jumpMs) => {
      await open([0, 0, 0]);
      const jumper = fleet.node(0);
      await fleet.stale(rows);
      let oldest = 0;
      let stale = 0;
      for (const ms of [jumpMs, -jumpMs]) {
        await jumper.call('setWallBy', ms);
        await jumper.call('load', rows);
        oldest = Math.max(oldest, await ageOfOldest(fleet.nodes));
        await fleet.stale(rows);
        await fleet.node(1).call('changeAndDelete', rows.slice(0, 50));
        await jumper.call('changeAndSet', rows.slice(50));
        await fleet.calm();
        stale += await fleet.stale(rows);
      }
      say(`an hour ${how}`, { ttlMs, ageMs: oldest, stale });
      expect(oldest).toBeLessThan(2 * ttlMs + 1000);
      expect(stale).toBe(0);
    },
  );
});
