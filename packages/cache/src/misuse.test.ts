import { afterEach, expect, test, vi } from 'vitest';
import { type Cache, createCache, memoryTier, type Tier } from './index.ts';

// What somebody without types, or with wrong ones, gives to a cache.

const caches: AsyncDisposable[] = [];

function open<V = string>(l2: Tier = memoryTier()): Cache<V> {
  const cache = createCache<V>({ name: 'misuse', ttlMs: 60_000, l2 });
  caches.push(cache);
  return cache;
}

const key: never = 42 as never;

afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache[Symbol.asyncDispose]()));
});

test.each<[string, (cache: Cache<string>) => Promise<unknown>]>([
  ['get', (cache) => cache.get(key)],
  ['getOrSet', (cache) => cache.getOrSet(key, () => 'value')],
  ['getMany', (cache) => cache.getMany([key], () => new Map())],
  ['set', (cache) => cache.set(key, 'value')],
  ['delete', (cache) => cache.delete(key)],
  ['expire', (cache) => cache.expire(key)],
])('%s refuses a key that is no string', async (_method, call) => {
  await expect(call(open())).rejects.toThrow(new TypeError('a key must be a string, got 42'));
});

test('a delete that was refused holds up no other one', async () => {
  const cache = open();
  await expect(cache.delete(key)).rejects.toThrow(TypeError);
  expect(await cache.delete('a')).toEqual({ acknowledged: true });
  expect(cache.stats().l2).toMatchObject({ failures: 0, waitingDeletes: 0 });
});

test('one string is not taken for the keys that are its characters', async () => {
  const message = 'keys must be a list of strings, got "p1"';
  await expect(open().getMany('p1')).rejects.toThrow(new TypeError(message));
});

test.each<[string, (cache: Cache<string>) => Promise<unknown>]>([
  ['getOrSet', (cache) => cache.getOrSet('a', () => 'value', { tags: 'catalog' as never })],
  ['getMany', (cache) => cache.getMany(['a'], () => new Map(), { tags: 'catalog' as never })],
  ['set', (cache) => cache.set('a', 'value', { tags: 'catalog' as never })],
  ['setTags', (cache) => cache.getOrSet('a', ({ setTags }) => `${setTags('catalog' as never)}`)],
])('%s takes one string not for the tags that are its characters', async (_method, call) => {
  await expect(call(open())).rejects.toThrow(new TypeError('tags must be an array, got "catalog"'));
});

test('a loader that is none, or gives a function, fails like any other', async () => {
  const cache = open<unknown>();
  await expect(cache.getOrSet('a', undefined as never)).rejects.toThrow(TypeError);
  await expect(cache.getOrSet('b', () => () => 1)).rejects.toMatchObject({
    code: 'ERR_CACHE_NOT_CACHEABLE',
  });
  expect(await cache.getOrSet('b', () => 'value')).toBe('value');
});

test.each([[[]], [undefined], [[undefined, undefined, undefined]]])(
  'a tier that answers a read with %j costs nobody more than its failure',
  async (answer) => {
    const cache = open({ ...memoryTier(), read: async () => answer as never });
    for (const each of ['a', 'b']) expect(await cache.getOrSet(each, () => each)).toBe(each);
    expect(cache.stats().l2.failures).toBe(1);
  },
);

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e308, 2 ** 31])(
  'close does not take %s for a time to wait',
  async (timeoutMs) => {
    const cache = open();
    expect(() => cache.close({ timeoutMs })).toThrow(/^timeoutMs must be .*, got /);
    expect(await cache.getOrSet('a', () => 'value')).toBe('value');
  },
);

test.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e308])(
  'a ttl of %s is refused, by set and by the context of a loader',
  async (ttlMs) => {
    const cache = open();
    const message = `must be a positive integer, got ${ttlMs}`;
    await expect(cache.set('a', 'value', { ttlMs })).rejects.toThrow(`ttlMs ${message}`);
    const load = vi.fn(({ setTtl }: { setTtl(ms: number): void }) => `${setTtl(ttlMs)}`);
    await expect(cache.getOrSet('a', load)).rejects.toThrow(`ttl ${message}`);
    expect(load).toHaveBeenCalledOnce();
  },
);

test('the longest ttl there is holds on every level', async () => {
  const l2 = memoryTier();
  const longest = { ttlMs: Number.MAX_SAFE_INTEGER, staleIfErrorMs: Number.MAX_SAFE_INTEGER, l2 };
  await using here = createCache<string>({ name: 'long', ...longest });
  await using there = createCache<string>({ name: 'long', ...longest });
  expect(await here.getOrSet('a', () => 'value', { tags: ['t'] })).toBe('value');
  expect(await there.get('a')).toBe('value');
  expect(there.entry('a')?.ttlMs).toBeGreaterThan(2 ** 52);
});

test('after close every call says that the cache is closed, and what is synchronous knows nothing', async () => {
  const cache = open();
  await cache.set('a', 'value');
  const closing = cache.close();
  const calls = [
    () => cache.get('a'),
    () => cache.getOrSet('b', () => 'value'),
    () => cache.getMany(['a'], () => new Map()),
    () => cache.set('a', 'value'),
    () => cache.delete('a'),
    () => cache.expire('a'),
    () => cache.invalidateTags('t'),
    () => cache.clear(),
  ];
  const closed = { code: 'ERR_CACHE_CLOSED' };
  for (const call of calls) await expect(call()).rejects.toMatchObject(closed);
  expect(cache.close()).toBe(closing);
  await closing;
  for (const call of calls) await expect(call()).rejects.toMatchObject(closed);
  expect([cache.peek('a'), cache.entry('a'), cache.stats().l1.entries]).toEqual([
    ...[undefined, undefined, 0],
  ]);
});
