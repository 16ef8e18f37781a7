import { Cluster, Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { startRedisCluster } from '../src/index.ts';
import { useServer } from '../src/vitest.ts';
import { isAlive, listeners, startInKilledParent } from './child.ts';

const cluster = useServer(startRedisCluster, { own: true });

function roles(): Promise<string[]> {
  return Promise.all(cluster().nodes.map(({ url }) => roleOf(url)));
}

describe('a Redis Cluster', () => {
  test('has three masters, three replicas and one version, on loopback only', async () => {
    expect(await roles()).toEqual(['master', 'master', 'master', 'slave', 'slave', 'slave']);
    expect(cluster().url.split(',')).toEqual(cluster().nodes.map(({ url }) => url));
    for (const { pid = 0 } of cluster().nodes) {
      const addresses = await listeners(pid);
      expect(addresses.length).toBe(2);
      expect(addresses.every((address) => address.startsWith('0100007F:'))).toBe(true);
    }
  });

  test('replaces a master that is killed, and is whole again when it comes back', async () => {
    const [master, , , replica] = cluster().nodes;
    const client = new Cluster(cluster().nodes.map(({ url }) => url));
    for (let key = 0; key < 100; key += 1) await client.set(`key-${key}`, key);
    await client.call('WAIT', 1, 1_000);
    await master?.kill();
    await expect.poll(async () => roleOf(replica?.url ?? ''), { timeout: 30_000 }).toBe('master');
    await master?.restart();
    await cluster().untilHealthy();
    expect(await roles()).toEqual(['slave', 'master', 'master', 'master', 'slave', 'slave']);
    expect(await client.get('key-42')).toBe('42');
    client.disconnect();
  });

  test('can be paused and restarted as a whole', async () => {
    await cluster().pause();
    await cluster().resume();
    await cluster().untilHealthy();
    await cluster().restart();
    const client = new Cluster(cluster().nodes.map(({ url }) => url));
    expect(await client.set('key', 'value')).toBe('OK');
    client.disconnect();
  });

  test('ends when its parent is killed', async () => {
    const pids = await startInKilledParent('Redis Cluster', 'running');
    expect(pids).toHaveLength(6);
    const alive = async () => (await Promise.all(pids.map(isAlive))).filter(Boolean).length;
    await expect.poll(alive, { timeout: 10_000 }).toBe(0);
  });
});

async function roleOf(url: string): Promise<string> {
  const client = new Redis(url);
  const [role] = (await client.call('ROLE')) as [string];
  client.disconnect();
  return role;
}
