import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import { Fleet, range, say, until } from './faults/fleet.ts';

const ttlMs = 6000;

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('three processes on %s', (name, start) => {
  const server = useServer(start, { own: true });
  let fleet: Fleet;

  async function tell(...command: [string, ...string[]]): Promise<void> {
    const client = new Redis(server().url);
    await client.call(...command);
    client.disconnect();
  }

  async function open(options = {}): Promise<void> {
    fleet = await Fleet.start(3, server().url, () => ({ timeoutMs: 300, ...options }));
    await fleet.calm();
  }

  afterEach(async () => {
    expect(await fleet.rejections()).toBe(0);
    await fleet.stop();
  });

  test.each([
    ['SIGKILL', () => server().kill(), () => server().restart()],
    ['SIGSTOP', () => server().pause(), () => server().resume()],
  ])(
    '%s: updates in the dark are seen at once where they are made, and everywhere afterwards',
    async (how, hurt, heal) => {
      await open();
      const [deleted, set] = [range(0, 150), range(150, 300)];
      const all = [...deleted, ...set];
      await fleet.stale(all);
      await hurt();
      const [writer, setter] = [fleet.node(0), fleet.node(1)];
      const told = [
        ...(await writer.call('changeAndDelete', deleted)),
        ...(await setter.call('changeAndSet', set)),
      ];
      const here = (await fleet.stale(deleted, [writer])) + (await fleet.stale(set, [setter]));
      const elsewhere = fleet.countStale(all, await fleet.node(2).call('load', all));
      await heal();
      let meanwhile = 0;
      await until('no delete waits', 20_000, async () => {
        meanwhile += (await fleet.stale(deleted, [writer])) + (await fleet.stale(set, [setter]));
        const stats = [await writer.call('stats'), await setter.call('stats')];
        return stats.every(({ l2 }) => l2.waitingDeletes === 0);
      });
      await fleet.calm();
      const stale = await fleet.stale(all);
      const acknowledged = told.filter(Boolean).length;
      say(`${how} of ${name}`, {
        updates: told.length,
        acknowledged,
        here,
        elsewhere,
        meanwhile,
        stale,
      });
      expect({ acknowledged, here, meanwhile, stale }).toEqual({
        ...{ acknowledged: 0, here: 0, meanwhile: 0, stale: 0 },
      });
    },
  );

  test('FLUSHALL and SCRIPT FLUSH in the middle of loads let no old row in', async () => {
    // Redis answers all the time: on a busy machine too, each delete must be acknowledged.
    await open({ timeoutMs: 10_000 });
    const all = range(0, 200);
    let raced = 0;
    const commands: [string, ...string[]][] = [['FLUSHALL'], ['SCRIPT', 'FLUSH']];
    for (const command of commands) {
      const loading = fleet.node(1).call('load', all, { takesMs: 300 });
      await sleep(100);
      await tell(...command);
      const told = await fleet.node(0).call('changeAndDelete', all);
      expect(told.every(Boolean)).toBe(true);
      // The lease was flushed too, and may be taken again while the old row is still on its way.
      const next = fleet.node(2).call('load', all, { takesMs: 300 });
      raced += fleet.countStale(all, await loading);
      raced += fleet.countStale(all, await next);
    }
    const stale = await fleet.stale(all);
    say(`flushes of ${name}`, { loads: 2 * all.length, raced, stale });
    expect(raced).toBe(2 * all.length);
    expect(stale).toBe(0);
  });

  test('a restart from an old snapshot undoes no delete that waits, and one that was acknowledged for its ttl at most', async () => {
    await open({ ttlMs });
    const [acknowledged, waiting] = [range(0, 100), range(100, 200)];
    const all = [...acknowledged, ...waiting];
    const [writer, other] = [fleet.node(0), fleet.node(1)];
    await writer.call('load', all);
    const loadedAt = performance.now();
    await tell('SAVE');
    const before = await writer.call('changeAndDelete', acknowledged);
    await server().kill();
    const after = await writer.call('changeAndDelete', waiting);
    await server().restart();
    await until(
      'Redis is used again',
      10_000,
      async () => (await other.call('get', [0]))[0] !== null,
    );
    const undone = fleet.countStale(acknowledged, await other.call('get', acknowledged));
    let here = 0;
    await until('no delete waits', 10_000, async () => {
      here += await fleet.stale(waiting, [writer]);
      return (await writer.call('stats')).l2.waitingDeletes === 0;
    });
    await fleet.calm();
    const stale = await fleet.stale(waiting);
    await sleep(Math.max(0, loadedAt + ttlMs + 100 - performance.now()));
    const beyond = fleet.countStale(acknowledged, await other.call('get', acknowledged));
    const told = [before, after].map((some) => some.filter(Boolean).length).join('+');
    say(`${name} from an old snapshot`, { told, here, undone, stale, beyond });
    expect({ told, here, stale, beyond }).toEqual({ told: '100+0', here: 0, stale: 0, beyond: 0 });
    expect(undone).toBeGreaterThan(0);
  });
});
