import { type FaultProxy, startProxy, startRedisCluster } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { expect, test } from 'vitest';
import { Fleet, range, say } from './faults/fleet.ts';

const cluster = useServer(startRedisCluster, { own: true });

const addressOf = (url: string) => new URL(url).host;

/** Where a process hears the others: a replica. */
const ears = () => cluster().nodes[5]?.url ?? '';

test('who hears of a change finds no older value, though another master than that of the message is slow', async () => {
  const proxies = new Map<string, FaultProxy>();
  for (const { url } of cluster().nodes) {
    proxies.set(addressOf(url), await startProxy({ target: url }));
  }
  const detours = Object.fromEntries(
    [...proxies].map(([address, { port }]) => [address, { host: '127.0.0.1', port }]),
  );
  const straight = { cluster: cluster().url.split(','), ears: ears() };
  await using fleet = await Fleet.start(2, straight, (index) =>
    index === 0 ? { redis: { ...straight, detours }, timeoutMs: 2000 } : {},
  );
  const [writer, reader] = [fleet.node(0), fleet.node(1)];
  const wanted = range(0, 100);
  await writer.call('load', wanted);
  await reader.call('load', wanted);
  await fleet.calm();
  proxies.get(addressOf(cluster().nodes[0]?.url ?? ''))?.delay(200);
  const writing = writer.call('changeAndDelete', wanted);
  let reads = 0;
  let isDone = false;
  void writing.finally(() => {
    isDone = true;
  });
  for (; !isDone; reads += 1) await reader.call('get', wanted);
  const acknowledged = (await writing).filter(Boolean).length;
  await fleet.calm();
  const stale = await fleet.stale(wanted);
  say('Cluster with a slow master', { acknowledged, reads, stale });
  expect(stale).toBe(0);
  await Promise.all([...proxies.values()].map((proxy) => proxy.stop()));
});
