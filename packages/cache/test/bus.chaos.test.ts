import { setTimeout as sleep } from 'node:timers/promises';
import { type Cache, createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { type FaultProxy, startProxy, startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

/** As long a ttl as makes a value that should be gone stay wrong. */
const ttlMs = 600_000;

interface Node {
  readonly cache: Cache<string>;
  /** Between the cache and Redis: its commands. */
  readonly data: FaultProxy;
  /** Between the cache and Redis: what it hears. */
  readonly ears: FaultProxy;
  stop(): Promise<void>;
}

async function startNode(url: string): Promise<Node> {
  const [data, ears] = await Promise.all([
    startProxy({ target: url }),
    startProxy({ target: url }),
  ]);
  const client = new Redis(data.url());
  const subscriber = new Redis(ears.url(), { retryStrategy: () => 50 });
  const cache = createCache<string>({
    name: 'bus',
    ttlMs,
    l1: { ttlMs },
    l2: redisTier({ client, subscriber, timeoutMs: 2000 }),
  });
  return {
    cache,
    data,
    ears,
    async stop() {
      await cache.close({ timeoutMs: 0 });
      client.disconnect();
      subscriber.disconnect();
      await Promise.all([data.stop(), ears.stop()]);
    },
  };
}

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('two nodes on %s', (_name, start) => {
  const server = useServer(start, { own: true });
  let here: Node;
  let there: Node;

  beforeEach(async () => {
    [here, there] = await Promise.all([startNode(server().url), startNode(server().url)]);
    await heard(here, there);
    await heard(there, here);
  });
  afterEach(() => Promise.all([here.stop(), there.stop()]));

  /** Waits until a change of one is heard by the other. */
  async function heard(from: Node, to: Node): Promise<void> {
    await vi.waitFor(
      async () => {
        await from.cache.set('probe', 'old');
        expect(await to.cache.get('probe')).toBe('old');
        await from.cache.set('probe', 'new');
        await vi.waitFor(() => expect(to.cache.peek('probe')).toBeUndefined(), { timeout: 500 });
      },
      { timeout: 20_000, interval: 20 },
    );
  }

  test('an update reaches the memory of the other node', async () => {
    await here.cache.set('a', 'old');
    expect(await there.cache.get('a')).toBe('old');
    await here.cache.set('a', 'new');
    await vi.waitFor(() => expect(there.cache.peek('a')).toBeUndefined());
    expect(await there.cache.get('a')).toBe('new');
  });

  test('an update while the other node reads the old value leaves nothing old behind', async () => {
    await here.cache.set('a', 'old');
    there.data.delay(150);
    const reading = there.cache.get('a');
    await sleep(200);
    await here.cache.set('a', 'new');
    expect(await reading).toBe('old');
    there.data.heal();
    expect(there.cache.peek('a')).toBeUndefined();
    expect(await there.cache.get('a')).toBe('new');
  });

  test('an update while what the other node hears is cut is seen, during the cut and after it', async () => {
    await here.cache.set('a', 'old');
    await here.cache.set('b', 'old');
    await Promise.all([there.cache.get('a'), there.cache.get('b')]);
    there.ears.cut();
    await vi.waitFor(() => expect(there.cache.stats().l2.busLosses).toBe(1));
    await here.cache.set('a', 'new');
    expect(await there.cache.get('a')).toBe('new');
    expect(await there.cache.get('b')).toBe('old');
    await here.cache.set('b', 'new');
    await sleep(400);
    there.ears.heal();
    await vi.waitFor(async () => expect(await there.cache.get('b')).toBe('new'), { timeout: 5000 });
    await heard(here, there);
  });

  test('an update while what the other node hears falls into a black hole is seen within seconds', async () => {
    await here.cache.set('a', 'old');
    await there.cache.get('a');
    there.ears.blackHole();
    await here.cache.set('a', 'new');
    await vi.waitFor(async () => expect(await there.cache.get('a')).toBe('new'), { timeout: 5000 });
    expect(there.cache.stats().l2.busLosses).toBe(1);
    there.ears.heal();
    await heard(here, there);
  });

  test('a tag that is invalidated while what the other node hears is cut stays invalid', async () => {
    await here.cache.set('a', 'old', { tags: ['catalog'] });
    await here.cache.set('b', 'old', { tags: ['catalog'] });
    await there.cache.getMany(['a', 'b']);
    there.ears.cut();
    await vi.waitFor(() => expect(there.cache.stats().l2.busLosses).toBe(1));
    expect(await here.cache.invalidateTags('catalog')).toEqual({ acknowledged: true });
    expect(await there.cache.get('a')).toBeUndefined();
    there.ears.heal();
    await heard(here, there);
    expect((await there.cache.getMany(['a', 'b'])).size).toBe(0);
    expect(there.cache.entry('b')).toBeUndefined();
  });

  test('clear forgets everything on both nodes, also what is being loaded', async () => {
    await here.cache.set('a', 'old');
    await there.cache.get('a');
    const row = Promise.withResolvers<string>();
    const loading = there.cache.getOrSet('b', () => row.promise);
    await vi.waitFor(() => expect(there.cache.stats().loads).toBe(1));
    expect(await here.cache.clear()).toEqual({ acknowledged: true });
    row.resolve('old');
    expect(await loading).toBe('old');
    await vi.waitFor(() => expect(there.cache.entry('a')).toBeUndefined());
    for (const { cache } of [here, there]) {
      expect((await cache.getMany(['a', 'b'])).size).toBe(0);
    }
  });

  test('after Redis was killed and has come back empty, changes are heard again', async () => {
    await here.cache.set('a', 'old');
    await there.cache.get('a');
    await server().kill();
    // Through the proxy the news takes a moment.
    await vi.waitFor(() => expect(there.cache.stats().l2.busLosses).toBeGreaterThan(0));
    expect(await there.cache.getOrSet('a', () => 'loaded')).toBe('loaded');
    await server().restart();
    await heard(here, there);
    expect(there.cache.stats().l2.busLosses).toBeGreaterThan(0);
  });

  test('a delete during an outage reaches the memory of the other node afterwards', async () => {
    await here.cache.set('a', 'old');
    await there.cache.get('a');
    here.data.cut();
    expect(await here.cache.delete('a')).toEqual({ acknowledged: false });
    expect(there.cache.peek('a')).toBe('old');
    here.data.heal();
    await vi.waitFor(() => expect(there.cache.peek('a')).toBeUndefined(), { timeout: 20_000 });
    expect(await there.cache.get('a')).toBeUndefined();
  });
});
