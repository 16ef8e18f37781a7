import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { startRedisSentinel } from '../src/index.ts';
import { useServer } from '../src/vitest.ts';
import { isAlive, listeners, startInKilledParent } from './child.ts';

const sentinel = useServer(startRedisSentinel, { own: true });

async function roleOf(url: string): Promise<string> {
  const client = new Redis(url);
  const [role] = (await client.call('ROLE')) as [string];
  client.disconnect();
  return role;
}

function connect(): Redis {
  const sentinels = sentinel()
    .url.split(',')
    .map((url) => ({ host: '127.0.0.1', port: Number(new URL(url).port) }));
  return new Redis({ sentinels, name: sentinel().master, sentinelRetryStrategy: () => 100 });
}

describe('Redis with sentinels', () => {
  test('has a master, two replicas and three sentinels of one version, on loopback only', async () => {
    const { nodes, sentinels, url } = sentinel();
    expect(await Promise.all(nodes.map((node) => roleOf(node.url)))).toEqual([
      ...['master', 'slave', 'slave'],
    ]);
    expect(await Promise.all(sentinels.map((one) => roleOf(one.url)))).toEqual([
      ...['sentinel', 'sentinel', 'sentinel'],
    ]);
    expect(url.split(',')).toEqual(sentinels.map((one) => one.url));
    for (const { pid = 0 } of [...nodes, ...sentinels]) {
      const addresses = await listeners(pid);
      expect(addresses).toHaveLength(1);
      expect(addresses[0]).toMatch(/^0100007F:/);
    }
  });

  test('replaces a master that is killed, and is whole again when it comes back', async () => {
    const client = connect();
    client.on('error', () => undefined);
    await client.set('key', '42');
    await client.call('WAIT', 2, 1_000);
    const [master] = sentinel().nodes;
    await master?.kill();
    expect(await client.get('key')).toBe('42');
    await master?.restart();
    await sentinel().untilHealthy();
    expect(await roleOf(master?.url ?? '')).toBe('slave');
    expect(await client.get('key')).toBe('42');
    client.disconnect();
  });

  test('can be paused as a whole, and ends when its parent is killed', async () => {
    await sentinel().pause();
    await sentinel().resume();
    await sentinel().untilHealthy();
    const pids = await startInKilledParent('Redis Sentinel', 'running');
    expect(pids).toHaveLength(6);
    const alive = async () => (await Promise.all(pids.map(isAlive))).filter(Boolean).length;
    await expect.poll(alive, { timeout: 10_000 }).toBe(0);
  });
});
