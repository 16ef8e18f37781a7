import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fleet, range, say, until } from './faults/fleet.ts';
import { tagsOf } from './faults/rows.ts';

const tag = 'shelf1';
const rows = range(0, 400).filter((row) => tagsOf(row).includes(tag));

describe('three processes that invalidate the same tag', () => {
  const server = useServer(startRedis, { own: true });
  let fleet: Fleet;

  beforeEach(async () => {
    fleet = await Fleet.start(3, server().url, () => ({ timeoutMs: 3000 }));
    await fleet.calm();
  });
  afterEach(async () => {
    expect(await fleet.rejections()).toBe(0);
    await fleet.stop();
  });

  test('one that learns late what became of its own invalidation does not go back behind that of another', async () => {
    const [slow, other, third] = [fleet.node(0), fleet.node(1), fleet.node(2)];
    await fleet.stale(rows);
    slow.data?.delay(300);
    const first = slow.call('changeAndInvalidate', tag, rows);
    await sleep(400);
    // After the first invalidation, before the second one.
    await third.call('load', rows);
    const second = await other.call('changeAndInvalidate', tag, rows);
    const acknowledged = [await first, second].filter(Boolean).length;
    slow.data?.heal();
    const stale = await fleet.stale(rows);
    say('a late answer to an invalidation', { rows: rows.length, acknowledged, stale });
    expect({ acknowledged, stale }).toEqual({ acknowledged: 2, stale: 0 });
  });

  test.each([
    ['here', 0],
    ['there', 1],
  ])(
    'who asks after an invalidation %s does not wait for a load that began before it',
    async (where, by) => {
      const loader = fleet.node(0);
      const { loads: before } = await loader.call('stats');
      const loading = loader.call('load', rows, { takesMs: 400 });
      await until('all loaders run', 5000, async () => {
        const { loads } = await loader.call('stats');
        return loads >= before + rows.length;
      });
      const acknowledged = await fleet.node(by).call('changeAndInvalidate', tag, rows);
      // The news of another process takes a moment.
      if (by !== 0) await fleet.calm();
      const next = fleet.countStale(rows, await loader.call('load', rows));
      const raced = fleet.countStale(rows, await loading);
      const stale = next + (await fleet.stale(rows));
      say(`an invalidation ${where} during loads`, { rows: rows.length, raced, stale });
      expect({ acknowledged, raced, stale }).toEqual({
        acknowledged: true,
        raced: rows.length,
        stale: 0,
      });
    },
  );

  test('those who hear late what another one began go on finding what the others load', async () => {
    await fleet.stop();
    fleet = await Fleet.start(3, server().url, () => ({ timeoutMs: 3000 }));
    const [one, late] = [fleet.node(0), fleet.node(1)];
    await sleep(200);
    late.ears?.delay(150);
    await Promise.all([one.call('load', rows.slice(0, 10)), late.call('load', rows.slice(10))]);
    await sleep(400);
    late.ears?.heal();
    const mine = (await late.call('get', rows.slice(0, 10))).filter((found) => found === null);
    const theirs = (await one.call('get', rows.slice(10))).filter((found) => found === null);
    const missed = mine.length + theirs.length;
    await fleet.calm();
    await one.call('load', rows);
    const later = (await late.call('get', rows)).filter((found) => found === null).length;
    say('tags that begin at the same time', { rows: rows.length, missed, later });
    expect(later).toBe(0);
  });
});
