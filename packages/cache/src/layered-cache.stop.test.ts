import { afterEach, expect, test, vi } from 'vitest';
import { createCache } from './layered-cache.ts';
import type { Loader } from './load.ts';
import type { CacheOptions } from './options.ts';
import { manualClock } from './testing/index.ts';

interface User {
  readonly id: string;
}

function open(options: Partial<CacheOptions> = {}) {
  const clock = manualClock();
  const cache = createCache<User>({ name: 'user', ttlMs: 1000, clock, ...options });
  return { clock, cache };
}

afterEach(() => {
  vi.useRealTimers();
});

const user = (id: string): User => ({ id });
const never = () => new Promise<never>(() => undefined);
const broken = (): Promise<User> => Promise.reject(new Error('database is away'));

test('a signal detaches its caller only', async () => {
  const { cache } = open();
  const row = Promise.withResolvers<User>();
  const controller = new AbortController();
  const left = cache.getOrSet('a', () => row.promise, { signal: controller.signal });
  await vi.waitFor(() => expect(cache.stats().loads).toBe(1));
  const stayed = cache.getOrSet('a', broken);
  const reason = new Error('client went away');
  controller.abort(reason);
  await expect(left).rejects.toBe(reason);
  row.resolve(user('a'));
  expect(await stayed).toEqual(user('a'));
});

test('stops a load that nobody waits for, and the next caller starts another', async () => {
  const { cache } = open();
  const controller = new AbortController();
  let stopped: AbortSignal | undefined;
  const left = cache.getOrSet(
    'a',
    ({ signal }) => {
      stopped = signal;
      return never();
    },
    { signal: controller.signal },
  );
  await vi.waitFor(() => expect(stopped).toBeDefined());
  controller.abort();
  await expect(left).rejects.toThrow('aborted');
  expect(stopped?.aborted).toBe(true);
  expect(cache.stats()).toMatchObject({ abandonedLoads: 1 });
  expect(await cache.getOrSet('a', async () => user('a'))).toEqual(user('a'));
});

test('a signal that is aborted already rejects with its reason, also where the value is known', async () => {
  const { cache } = open();
  await cache.set('a', user('a'));
  const signal = AbortSignal.abort('too late');
  await expect(cache.getOrSet('a', broken, { signal })).rejects.toBe('too late');
  await expect(cache.get('a', { signal })).rejects.toBe('too late');
});

test('gives a load up at its hard timeout, and never stores what comes later', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { cache } = open({ loadTimeout: { hardMs: 200 } });
  const row = Promise.withResolvers<User>();
  let stopped: AbortSignal | undefined;
  const late = cache.getOrSet('a', ({ signal }) => {
    stopped = signal;
    return row.promise;
  });
  const failure = expect(late).rejects.toMatchObject({
    code: 'ERR_CACHE_LOAD_TIMEOUT',
    key: 'a',
    timeoutMs: 200,
  });
  await vi.advanceTimersByTimeAsync(200);
  await failure;
  expect(stopped?.aborted).toBe(true);
  row.resolve(user('late'));
  await vi.waitFor(() => expect(cache.stats().abandonedLoads).toBe(0));
  expect(cache.peek('a')).toBeUndefined();
});

test('starts no further load while 1000 abandoned ones still run', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { cache } = open({ loadTimeout: { hardMs: 10 } });
  const stuck = Array.from({ length: 1000 }, (_, i) => cache.getOrSet(`${i}`, never));
  const settled = Promise.allSettled(stuck);
  await vi.advanceTimersByTimeAsync(10);
  await settled;
  await expect(cache.getOrSet('a', async () => user('a'))).rejects.toMatchObject({
    code: 'ERR_CACHE_TOO_MANY_LOADS',
    abandoned: 1000,
  });
  expect(cache.stats().loads).toBe(1000);
});

test('a load that asks for its own key waits for itself no longer than the hard timeout', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { cache } = open({ loadTimeout: { hardMs: 10 } });
  const load: Loader<User> = () => cache.getOrSet('a', load);
  const failure = expect(cache.getOrSet('a', load)).rejects.toMatchObject({
    code: 'ERR_CACHE_LOAD_TIMEOUT',
  });
  await vi.advanceTimersByTimeAsync(10);
  await failure;
  expect(cache.stats().loads).toBe(1);
});
