import type { RedisCluster } from '@shopgpt/test-servers';
import { Redis } from 'ioredis';

/** A master of a Cluster, as it sees itself. */
interface Master {
  readonly id: string;
  readonly url: string;
  readonly client: Redis;
  holds(slot: number): boolean;
}

async function mastersOf(cluster: RedisCluster): Promise<Master[]> {
  const masters: Master[] = [];
  for (const { url } of cluster.nodes) {
    const client = new Redis(url);
    const nodes = String(await client.cluster('NODES')).split('\n');
    const [id = '', , flags = '', , , , , , ...ranges] =
      nodes.find((line) => line.includes('myself'))?.split(' ') ?? [];
    if (flags.includes('master')) {
      const bounds = ranges.map((range) => range.split('-').map(Number));
      const holds = (slot: number) =>
        bounds.some(([from = -1, to = from]) => from <= slot && slot <= to);
      masters.push({ id, url, client, holds });
    } else {
      client.disconnect();
    }
  }
  return masters;
}

/** In which slot a row is; the name of the cache plays no part, as the key is in braces. */
async function slotOf(client: Redis, row: number): Promise<number> {
  return Number(await client.cluster('KEYSLOT', `row${row}`));
}

/** Which of the rows are on the master that began as the first one. */
export async function rowsOnFirst(
  cluster: RedisCluster,
  rows: readonly number[],
): Promise<ReadonlySet<number>> {
  const masters = await mastersOf(cluster);
  const first = masters.find(({ url }) => url === cluster.nodes[0]?.url);
  const there = new Set<number>();
  for (const row of rows) {
    if (first?.holds(await slotOf(first.client, row))) there.add(row);
  }
  for (const { client } of masters) client.disconnect();
  return there;
}

/**
 * Moves the slots of these rows from the first master to another one, key by key as
 * `redis-cli --cluster reshard` would: gives how many keys moved. Only one master gains slots: two
 * that do at the same time may both believe that a slot is theirs.
 */
export async function moveRows(cluster: RedisCluster, rows: readonly number[]): Promise<number> {
  const masters = await mastersOf(cluster);
  const source = masters.find(({ url }) => url === cluster.nodes[0]?.url);
  const target = masters.find((master) => master !== source);
  if (!source || !target) throw new Error('the cluster has no two masters');
  const slots = new Set<number>();
  for (const row of rows) slots.add(await slotOf(source.client, row));
  let moved = 0;
  for (const slot of slots) {
    if (source.holds(slot)) moved += await moveSlot(slot, source, target, masters);
  }
  for (const { client } of masters) client.disconnect();
  return moved;
}

async function moveSlot(
  slot: number,
  source: Master,
  target: Master,
  masters: readonly Master[],
): Promise<number> {
  await target.client.cluster('SETSLOT', slot, 'IMPORTING', source.id);
  await source.client.cluster('SETSLOT', slot, 'MIGRATING', target.id);
  const { hostname, port } = new URL(target.url);
  let moved = 0;
  for (;;) {
    const keys = await source.client.cluster('GETKEYSINSLOT', slot, 1);
    const [key] = keys;
    if (key === undefined) break;
    await source.client.call('MIGRATE', hostname, port, String(key), 0, 5000);
    moved += 1;
  }
  const others = masters.filter((master) => master !== target);
  for (const { client } of [target, ...others]) {
    await client.cluster('SETSLOT', slot, 'NODE', target.id);
  }
  return moved;
}
