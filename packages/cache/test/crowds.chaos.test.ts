import { startRedis } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fleet, say } from './faults/fleet.ts';

const hardMs = 500;
const callers = 2500;
const MiB = 1024 * 1024;

describe('10,000 callers of one key in 4 processes', () => {
  const server = useServer(startRedis, { own: true });
  let fleet: Fleet;

  beforeAll(async () => {
    fleet = await Fleet.start(4, server().url, () => ({ hardMs, timeoutMs: 2000 }));
    await fleet.calm();
  });
  afterAll(() => fleet.stop());

  async function sum(of: 'loads' | 'abandonedLoads'): Promise<number> {
    const all = await Promise.all(fleet.nodes.map((node) => node.call('stats')));
    return all.reduce((total, stats) => total + stats[of], 0);
  }

  test.each([
    { row: 1, how: 'fails', loader: 'fails', error: 'DatabaseError' },
    { row: 2, how: 'throws at once', loader: 'throws', error: 'DatabaseError' },
    { row: 3, how: 'never settles', loader: 'never', error: 'LoadTimeoutError' },
    { row: 4, how: 'settles too late', loader: 'late', error: 'LoadTimeoutError' },
  ] as const)(
    'whose loader $how: each is answered in time, each process loads once, and nothing is stored',
    async ({ row, how, loader, error }) => {
      const [loadsBefore, abandonedBefore] = [await sum('loads'), await sum('abandonedLoads')];
      const startedAt = performance.now();
      const answers = await Promise.all(
        fleet.nodes.map((node) => node.call('crowd', row, callers, loader)),
      );
      const tookMs = Math.round(performance.now() - startedAt);
      const answered = answers.reduce((total, counts) => total + (counts[error] ?? 0), 0);
      const loads = (await sum('loads')) - loadsBefore;
      // What comes late must not overwrite this.
      await fleet.node(0).call('changeAndSet', [row]);
      if (loader === 'late') await expect.poll(() => sum('abandonedLoads')).toBe(abandonedBefore);
      const stale = await fleet.stale([row]);
      const { length: processes } = fleet.nodes;
      say(`a loader that ${how}`, { answered, loads, tookMs, stale });
      expect({ answered, stale }).toEqual({ answered: processes * callers, stale: 0 });
      expect(loads).toBeLessThanOrEqual(processes);
      expect(tookMs).toBeLessThan(10_000);
    },
  );

  test('again and again costs no memory, and no rejection goes unheard', async () => {
    for (let wave = 0; wave < 3; wave += 1) await fleet.node(0).call('crowd', 10, 10_000, 'fails');
    const before = await fleet.node(0).call('health');
    for (let wave = 0; wave < 10; wave += 1) {
      await fleet.node(0).call('crowd', 10 + wave, 10_000, wave % 2 ? 'fails' : 'throws');
    }
    const after = await fleet.node(0).call('health');
    const grownMiB = Math.round(((after.heapBytes - before.heapBytes) / MiB) * 10) / 10;
    const rejections = await fleet.rejections();
    say('100,000 failed calls', { grownMiB, rejections });
    expect(rejections).toBe(0);
    expect(grownMiB).toBeLessThan(20);
  });
});
