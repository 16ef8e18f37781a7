import { type Cache, type CacheOptions, createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

const ttlMs = 600_000;
const patient = { timeout: 10_000, interval: 20 };

/** A process: its connections, and caches on them. */
class Node {
  readonly client: Redis;
  readonly subscriber: Redis;
  readonly #caches: Cache<string>[] = [];

  constructor(url: string, keyPrefix = '') {
    this.client = new Redis(url, { retryStrategy: () => 20, keyPrefix });
    this.subscriber = this.client.duplicate({ protocol: 2 });
  }

  open(options: Partial<CacheOptions> = {}): Cache<string> {
    const { client, subscriber } = this;
    const l2 = redisTier({ client, subscriber, tracking: true, timeoutMs: 1000 });
    const cache = createCache<string>({ name: 'tracked', ttlMs, l1: { ttlMs }, l2, ...options });
    this.#caches.push(cache);
    return cache;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#caches.map((cache) => cache.close({ timeoutMs: 0 })));
    this.client.disconnect();
    this.subscriber.disconnect();
  }
}

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('what others do to %s', (_name, start) => {
  const server = useServer(start, { own: true });
  let outsider: Redis;
  let here: Node;
  let there: Node;
  let cache: Cache<string>;
  let other: Cache<string>;

  beforeAll(() => {
    outsider = new Redis(server().url);
  });
  afterAll(() => outsider.disconnect());
  beforeEach(async () => {
    await outsider.flushall();
    [here, there] = [new Node(server().url), new Node(server().url)];
    [cache, other] = [here.open(), there.open()];
    await Promise.all([heard(cache), heard(other)]);
  });
  afterEach(() => Promise.all([here.stop(), there.stop()]));

  /** Waits until the cache hears what others do. */
  async function heard(listener: Cache<string>, name = 'tracked:v1:{probe}'): Promise<void> {
    await vi.waitFor(async () => {
      await listener.set('probe', 'value');
      await outsider.del(name);
      await vi.waitFor(() => expect(listener.peek('probe')).toBeUndefined(), { timeout: 200 });
      expect(listener.stats().l2.waitingDeletes).toBe(0);
    }, patient);
  }

  /** Both have the value in memory. */
  async function know(key: string, value: string): Promise<void> {
    await cache.set(key, value);
    expect(await other.get(key)).toBe(value);
  }

  const forgotten = (key: string) =>
    vi.waitFor(() => {
      expect([cache.peek(key), other.peek(key)]).toEqual([undefined, undefined]);
    }, patient);

  test.each<[string, (name: string) => Promise<unknown>]>([
    ['DEL', (name) => outsider.del(name)],
    ['SET of other bytes', (name) => outsider.set(name, '{"not":"ours"}')],
    ['PEXPIRE', (name) => outsider.pexpire(name, 1)],
    ['RENAME', (name) => outsider.rename(name, 'elsewhere')],
    ['FLUSHDB', () => outsider.flushdb()],
    ['FLUSHALL', () => outsider.flushall()],
  ])(
    'after %s by somebody else every process loads anew, one of them for all',
    async (_how, act) => {
      await know('a', 'old');
      await act('tracked:v1:{a}');
      await forgotten('a');
      const load = vi.fn(() => 'new');
      await vi.waitFor(async () => expect(await cache.getOrSet('a', load)).toBe('new'), patient);
      await vi.waitFor(async () => expect(await other.getOrSet('a', load)).toBe('new'), patient);
      expect(load).toHaveBeenCalledTimes(1);
    },
  );

  test('what Redis evicts is served by nobody any more', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => cache.set(key, 'x'.repeat(10_000))));
    const used = Number(/used_memory:(\d+)/.exec(await outsider.info('memory'))?.[1]);
    await outsider.config(
      'SET',
      'maxmemory-policy',
      'allkeys-random',
      'maxmemory',
      used - 1_000_000,
    );
    try {
      const isKept = await Promise.all(keys.map((key) => outsider.exists(`tracked:v1:{${key}}`)));
      const evicted = keys.filter((_, i) => isKept[i] === 0);
      expect(evicted.length).toBeGreaterThan(20);
      await vi.waitFor(() => {
        expect(evicted.filter((key) => cache.peek(key) !== undefined)).toEqual([]);
      }, patient);
    } finally {
      await outsider.config('SET', 'maxmemory', 0);
    }
  });

  test('what a process writes itself stays in its memory', async () => {
    await cache.set('set', 'value');
    await cache.getOrSet('loaded', () => 'value');
    await cache.getOrSet('tagged', () => 'value', { tags: ['catalog'] });
    await outsider.script('FLUSH');
    await cache.getOrSet('late', () => 'value');
    // What Redis tells of these comes before what it tells of the probe.
    await know('probe', 'value');
    await outsider.del('tracked:v1:{probe}');
    await forgotten('probe');
    for (const key of ['set', 'loaded', 'tagged', 'late'])
      expect(cache.peek(key), key).toBe('value');
    expect(await outsider.keys('~*')).toEqual([]);
    expect(cache.stats().fencedWrites).toBe(0);
    expect(await other.get('late')).toBe('value');
  });

  test('what another process of ours has loaded is asked about in Redis, neither fenced nor loaded', async () => {
    await know('a', 'old');
    await outsider.del('tracked:v1:{a}');
    await forgotten('a');
    const row = Promise.withResolvers<string>();
    const load = vi.fn(() => row.promise);
    const loads = [cache.getOrSet('a', load), other.getOrSet('a', load)];
    await vi.waitFor(() => expect(load).toHaveBeenCalledTimes(1));
    row.resolve('new');
    expect(await Promise.all(loads)).toEqual(['new', 'new']);
    for (const each of [cache, other]) {
      expect(await each.getOrSet('a', load)).toBe('new');
      expect(each.stats().fencedWrites).toBe(0);
    }
    expect(load).toHaveBeenCalledTimes(1);
  });

  test('who deletes a value together with its lease ends loads that have the old row', async () => {
    const row = Promise.withResolvers<string>();
    const load = vi.fn(() => row.promise);
    const loading = cache.getOrSet('a', load);
    await vi.waitFor(() => expect(load).toHaveBeenCalledTimes(1));
    await outsider.del('tracked:v1:{a}', '~tracked:v1:{a}');
    row.resolve('old');
    expect(await loading).toBe('old');
    expect(cache.peek('a')).toBeUndefined();
    expect(await other.getOrSet('a', () => 'new')).toBe('new');
    expect(await cache.get('a')).toBe('new');
  });

  test.each([
    ['a tag', 'tracked:v1:#{catalog}', 'kept'],
    ['the id of everything', 'tracked:v1:#{%all}', undefined],
  ])('who deletes %s invalidates it for all', async (_what, name, kept) => {
    await cache.getOrSet('a', () => 'old', { tags: ['catalog'] });
    await know('b', 'kept');
    expect(await other.get('a')).toBe('old');
    await outsider.del(name);
    await forgotten('a');
    expect([await cache.get('b'), await other.get('b')]).toEqual([kept, kept]);
    expect([await cache.get('a'), await other.get('a')]).toEqual([undefined, undefined]);
    expect(await cache.getOrSet('a', () => 'new', { tags: ['catalog'] })).toBe('new');
    expect(await other.get('a')).toBe('new');
  });

  test('a DEL while the subscriber is killed is seen, and later ones are heard', async () => {
    await know('a', 'old');
    const { busLosses } = cache.stats().l2;
    await outsider.multi().call('CLIENT', 'KILL', 'TYPE', 'pubsub').del('tracked:v1:{a}').exec();
    await forgotten('a');
    expect(await cache.get('a')).toBeUndefined();
    await heard(cache);
    expect(cache.stats().l2.busLosses).toBeGreaterThan(busLosses);
  });

  test('a DEL while the client is killed is seen, and later ones are heard', async () => {
    await know('a', 'old');
    const id = await here.client.client('ID');
    await outsider.multi().call('CLIENT', 'KILL', 'ID', id).del('tracked:v1:{a}').exec();
    await vi.waitFor(() => expect(cache.peek('a')).toBeUndefined(), patient);
    await vi.waitFor(() => expect(here.client.status).toBe('ready'), patient);
    expect(await cache.get('a')).toBeUndefined();
    expect(cache.stats().l2.busLosses).toBe(1);
    await heard(cache);
  });

  test('that nothing is tracked any more is noticed within seconds, and mended', async () => {
    await know('a', 'old');
    await here.client.client('TRACKING', 'OFF');
    await outsider.del('tracked:v1:{a}');
    await forgotten('a');
    expect(cache.stats().l2.busLosses).toBe(1);
    await heard(cache);
  });

  test('what expires while Redis is stopped is not served when it goes on', async () => {
    await know('a', 'old');
    await outsider.pexpire('tracked:v1:{a}', 500);
    await server().pause();
    await vi.waitFor(() => expect(cache.stats().l2.busLosses).toBe(1), patient);
    await server().resume();
    await forgotten('a');
    await heard(cache);
    await vi.waitFor(async () => expect(await cache.get('a')).toBeUndefined(), patient);
  });

  test('after Redis was killed and has come back empty, what others do is heard again', async () => {
    await know('a', 'old');
    await server().kill();
    await server().restart();
    await Promise.all([heard(cache), heard(other)]);
    await forgotten('a');
    expect([await cache.get('a'), await other.get('a')]).toEqual([undefined, undefined]);
  });

  test('several caches on the same connections each hear of their own keys, whatever their names', async () => {
    const names = ['tracked:v1:in', 'a', 'ab', 'track'];
    const caches = names.map((name) => here.open({ name }));
    for (const [i, each] of caches.entries()) await heard(each, `${names[i]}:v1:{probe}`);
    await heard(cache);
    const [inner, first, second] = caches;
    if (!inner || !first || !second) throw new Error('no caches');
    for (const each of [cache, ...caches]) await each.set('k', 'value');
    await outsider.del('tracked:v1:in:v1:{k}', 'a:v1:{k}');
    await vi.waitFor(() => {
      expect([cache, ...caches].map((each) => each.peek('k'))).toEqual([
        'value',
        undefined,
        undefined,
        'value',
        'value',
      ]);
    }, patient);
    // Who is left goes on hearing.
    await Promise.all([inner.close(), first.close()]);
    await outsider.del('ab:v1:{k}');
    await vi.waitFor(() => expect(second.peek('k')).toBeUndefined(), patient);
    expect(cache.stats().l2.busLosses).toBe(0);
  });

  test('a client that puts a prefix before its keys is told of them', async () => {
    const node = new Node(server().url, 'app:');
    const prefixed = node.open();
    await heard(prefixed, 'app:tracked:v1:{probe}');
    await prefixed.getOrSet('a', () => 'old', { tags: ['catalog'] });
    await outsider.del('app:tracked:v1:{a}');
    await vi.waitFor(() => expect(prefixed.peek('a')).toBeUndefined(), patient);
    expect(await prefixed.get('a')).toBeUndefined();
    await node.stop();
  });

  test('nothing is tracked for a subscriber on another server, whose id may be somebody else here', async () => {
    const [near, elsewhere] = await Promise.all([0, 1].map(() => startRedis({ own: true })));
    if (!near || !elsewhere) throw new Error('no servers');
    // So many connections here that one has the id that the subscriber has there.
    const crowd = Array.from({ length: 30 }, () => new Redis(near.url));
    const few = Array.from({ length: 5 }, () => new Redis(elsewhere.url));
    await Promise.all([...crowd, ...few].map((each) => each.ping()));
    const client = new Redis(near.url);
    const subscriber = new Redis(elsewhere.url, { protocol: 2 });
    const heardHere = vi.fn();
    const ears = { message: vi.fn(), down: vi.fn(), touched: vi.fn(), up: heardHere };
    const end = redisTier({ client, subscriber, tracking: true }).bus?.subscribe('x:', ears);
    await vi.waitFor(() => expect(client.status).toBe('ready'), patient);
    const there = new Redis(elsewhere.url);
    // It has subscribed, so the client was asked next.
    await vi.waitFor(async () => {
      expect(await there.pubsub('NUMSUB', 'x:')).toEqual(['x:', 1]);
    }, patient);
    await client.ping();
    expect(await client.client('GETREDIR')).toBe(-1);
    expect(heardHere).not.toHaveBeenCalled();
    end?.();
    for (const each of [client, subscriber, there, ...crowd, ...few]) each.disconnect();
    await Promise.all([near.stop(), elsewhere.stop()]);
  });

  test('when the last cache is closed, Redis no longer tracks for it', async () => {
    expect(await here.client.client('GETREDIR')).toBeGreaterThan(0);
    await cache.close();
    await vi.waitFor(async () => expect(await here.client.client('GETREDIR')).toBe(-1), patient);
  });
});
