// One process of a fleet: does what its parent says and answers with what came of it.
import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { Redis } from 'ioredis';

/** What the parent asks for. */
export type Order =
  | {
      readonly do: 'load';
      readonly key: string;
      readonly callers: number;
      readonly value: string;
      /** Default 50. */
      readonly takesMs?: number;
    }
  | { readonly do: 'stats' }
  | { readonly do: 'get' | 'delete'; readonly key: string }
  | { readonly do: 'set'; readonly key: string; readonly value: string };

/** What came of it. */
export interface Report {
  readonly value?: string | undefined;
  readonly loads: number;
  readonly acknowledged?: boolean;
}

const client = new Redis(process.argv[2] ?? '');
const cache = createCache<string>({
  name: 'fleet',
  ttlMs: 60_000,
  l2: redisTier({ client, timeoutMs: 1000 }),
});

async function carryOut(order: Order): Promise<Omit<Report, 'loads'>> {
  switch (order.do) {
    case 'get':
      return { value: await cache.get(order.key) };
    case 'delete':
      return cache.delete(order.key);
    case 'set':
      return cache.set(order.key, order.value);
    case 'load':
      return { value: await load(order) };
    case 'stats':
      return {};
  }
}

async function load(order: Extract<Order, { do: 'load' }>): Promise<string | undefined> {
  const { key, callers, value, takesMs = 50 } = order;
  const slowly = async () => {
    await sleep(takesMs);
    return value;
  };
  const values = await Promise.all(
    Array.from({ length: callers }, () => cache.getOrSet(key, slowly)),
  );
  return new Set(values).size === 1 ? values[0] : undefined;
}

process.on('message', async (order: Order) => {
  const result = await carryOut(order);
  process.send?.({ ...result, loads: cache.stats().loads } satisfies Report);
});
process.on('disconnect', () => process.exit());
client.once('ready', () => process.send?.('ready'));
