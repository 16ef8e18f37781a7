import { expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import type { ManyLoader } from './many.ts';
import { memoryTier } from './memory-tier.ts';
import { faultyTier } from './testing/index.ts';

const tier = faultyTier(memoryTier({ timeoutMs: 1000 }));

const open = useCaches({ name: 'many', ttlMs: 60_000, l2: tier }, tier);

const loadAll = () =>
  vi.fn<ManyLoader<string>>(async (keys) => new Map(keys.map((key) => [key, `loaded ${key}`])));

test('takes what L1 and L2 have and loads the rest with one call, in the order of the keys', async () => {
  const [here, there] = [open(), open()];
  await there.set('in L2', 'there');
  await here.set('in L1', 'here');
  const load = loadAll();
  const reads = tier.calls.read;
  const values = await here.getMany(['b', 'in L2', 'a', 'in L1', 'b'], load);
  expect([...values]).toEqual([
    ['b', 'loaded b'],
    ['in L2', 'there'],
    ['a', 'loaded a'],
    ['in L1', 'here'],
  ]);
  expect(load).toHaveBeenCalledTimes(1);
  expect(load.mock.calls[0]?.[0]).toEqual(['b', 'a']);
  expect(tier.calls.read - reads).toBe(1);
  expect([here.peek('a'), await open().get('b')]).toEqual(['loaded a', 'loaded b']);
});

test('without a loader gives what is there', async () => {
  const cache = open();
  await cache.set('a', 'value');
  expect([...(await cache.getMany(['a', 'b']))]).toEqual([['a', 'value']]);
});

test('calls no loader when nothing is missing, or nothing is asked for', async () => {
  const cache = open();
  await cache.set('a', 'value');
  const load = loadAll();
  await cache.getMany(['a'], load);
  expect((await cache.getMany([], load)).size).toBe(0);
  expect(load).not.toHaveBeenCalled();
});

test('keys that the loader does not give have no value, and that is remembered', async () => {
  const cache = open({ negativeTtlMs: 1000 });
  const load = vi.fn<ManyLoader<string>>(async () => new Map([['a', 'value']]));
  expect([...(await cache.getMany(['a', 'b'], load))]).toEqual([['a', 'value']]);
  await cache.getMany(['a', 'b'], load);
  expect(load).toHaveBeenCalledTimes(1);
});

test('loads nothing that somebody else in this process loads', async () => {
  const cache = open();
  const row = Promise.withResolvers<string>();
  const single = cache.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(cache.stats().loads).toBe(1));
  const load = loadAll();
  const many = cache.getMany(['a', 'b'], load);
  await vi.waitFor(() => expect(load).toHaveBeenCalled());
  row.resolve('from the other');
  expect(Object.fromEntries(await many)).toEqual({ a: 'from the other', b: 'loaded b' });
  expect(load.mock.calls[0]?.[0]).toEqual(['b']);
  await single;
});

test('loads nothing that another process loads, and does not wait with the rest', async () => {
  const [here, there] = [open(), open()];
  const row = Promise.withResolvers<string>();
  const single = there.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(there.stats().loads).toBe(1));
  const load = loadAll();
  const many = here.getMany(['a', 'b'], load);
  await vi.waitFor(() => expect(load).toHaveBeenCalled());
  row.resolve('from there');
  expect(Object.fromEntries(await many)).toEqual({ a: 'from there', b: 'loaded b' });
  await single;
});

test('loads later what another process failed to load', async () => {
  const [here, there] = [open(), open()];
  const row = Promise.withResolvers<string>();
  const single = there.getOrSet('a', () => row.promise);
  await vi.waitFor(() => expect(there.stats().loads).toBe(1));
  const load = loadAll();
  const many = here.getMany(['a', 'b'], load);
  await vi.waitFor(() => expect(load).toHaveBeenCalledTimes(1));
  row.reject(new Error('failed there'));
  await expect(single).rejects.toThrow('failed there');
  expect(Object.fromEntries(await many)).toEqual({ a: 'loaded a', b: 'loaded b' });
  expect(load.mock.calls.map(([keys]) => keys)).toEqual([['b'], ['a']]);
});

test('who asks for one key shares the call for many', async () => {
  const cache = open();
  const rows = Promise.withResolvers<Map<string, string>>();
  const many = cache.getMany(['a', 'b'], () => rows.promise);
  await vi.waitFor(() => expect(cache.stats().loads).toBe(2));
  const single = cache.getOrSet('a', () => 'never');
  rows.resolve(new Map([['a', 'of many']]));
  expect(await single).toBe('of many');
  expect((await many).get('a')).toBe('of many');
});

test('says which keys failed, and has the results of the others', async () => {
  const cache = open();
  const broken = new Error('row is broken');
  const load: ManyLoader<string> = async () =>
    new Map<string, string | Error>([
      ['a', 'value'],
      ['b', broken],
    ]);
  const failure = await cache.getMany(['a', 'b'], load).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(AggregateError);
  expect(failure).toMatchObject({
    code: 'ERR_CACHE_KEYS_FAILED',
    message: '1 keys failed, "b" first',
    errors: [broken],
    failures: new Map([['b', broken]]),
    results: new Map([['a', 'value']]),
  });
  const onError = vi.fn();
  expect([...(await cache.getMany(['a', 'b'], load, { onError }))]).toEqual([['a', 'value']]);
  expect(onError.mock.calls).toEqual([['b', broken]]);
});

test.each([
  [
    'throws',
    () => {
      throw new Error('all of them');
    },
    'all of them',
  ],
  ['rejects', () => Promise.reject(new Error('all of them')), 'all of them'],
  ['gives no Map', () => ({}) as never, 'a loader of many keys must give a Map'],
])('a loader that %s fails all its keys', async (_how, load, message) => {
  const cache = open();
  const failure = await cache.getMany(['a', 'b'], load).catch((error: unknown) => error);
  expect((failure as AggregateError).errors.map(String)).toEqual(
    Array(2).fill(expect.stringContaining(message)),
  );
  expect((await cache.getMany(['a', 'b'], loadAll())).size).toBe(2);
});

test('serves values past their ttl for keys that fail', async () => {
  const cache = open({ ttlMs: 20, staleIfErrorMs: 60_000 });
  await cache.set('a', 'old');
  await vi.waitFor(() => expect(cache.peek('a')).toBeUndefined());
  const values = await cache.getMany(['a'], () => Promise.reject(new Error('database is away')));
  expect(values.get('a')).toBe('old');
});

test('the loader has the context of each key', async () => {
  const cache = open();
  await cache.getMany(['a', 'b'], async (keys, { of, signal }) => {
    expect(signal.aborted).toBe(false);
    of('a').skip();
    of('b').setTtl(5000);
    expect(() => of('c')).toThrow('"c" is none of the keys to load');
    return new Map(keys.map((key) => [key, of(key).key]));
  });
  expect(cache.peek('a')).toBeUndefined();
  expect(cache.entry('b')?.ttlMs).toBeLessThanOrEqual(5000);
});

test.each([
  ['with onError', { onError: () => expect.unreachable('he has left') }],
  ['without', {}],
])(
  'a caller who leaves is rejected with his reason, %s, and the call stops when no key is wanted',
  async (_how, options) => {
    const cache = open();
    const controller = new AbortController();
    let stopped: AbortSignal | undefined;
    const many = cache.getMany(
      ['a', 'b'],
      (_keys, { signal }) => {
        stopped = signal;
        return new Promise(() => undefined);
      },
      { signal: controller.signal, ...options },
    );
    await vi.waitFor(() => expect(stopped).toBeDefined());
    const other = cache.getOrSet('b', () => 'never', { signal: new AbortController().signal });
    other.catch(() => undefined);
    controller.abort('bye');
    await expect(many).rejects.toBe('bye');
    expect(stopped?.aborted).toBe(false);
    await cache.close({ timeoutMs: 0 });
    await expect(other).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
    expect(stopped?.aborted).toBe(true);
    expect(cache.stats().abandonedLoads).toBe(1);
  },
);
