import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Cache } from './cache.ts';
import { createCache } from './layered-cache.ts';
import { memoryTier } from './memory-tier.ts';
import type { CacheOptions } from './options.ts';
import type { PurgeHook } from './purges.ts';
import { faultyTier, manualClock } from './testing/index.ts';

const dayMs = 86_400_000;
const clock = manualClock();
const rejections: unknown[] = [];
const note = (reason: unknown) => rejections.push(reason);
let cache: Cache<string>;

/** A receiver of purges, as it is told to be. */
class Receiver {
  readonly calls: (readonly string[] | undefined)[] = [];
  readonly signals: AbortSignal[] = [];
  answer: (tags: readonly string[] | undefined) => unknown = () => undefined;

  readonly hook: PurgeHook = (tags, { signal }) => {
    this.calls.push(tags);
    this.signals.push(signal);
    return this.answer(tags);
  };
}
let receiver: Receiver;

function open(options: Partial<CacheOptions> = {}): void {
  cache = createCache<string>({
    ...{ name: 'purges', ttlMs: 60_000, clock, onInvalidateTags: receiver.hook },
    ...options,
  });
}

const fails = () => {
  throw new Error('the CDN is away');
};
const hangs = () => new Promise(() => undefined);

/** Lets time pass, for timers and the cache. */
async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await vi.advanceTimersByTimeAsync(ms);
  await turn();
}

beforeEach(() => {
  process.on('unhandledRejection', note);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  receiver = new Receiver();
});
afterEach(async () => {
  vi.useRealTimers();
  await cache.close({ timeoutMs: 0 });
  await turn();
  process.off('unhandledRejection', note);
  expect(rejections.splice(0)).toEqual([]);
});

test('what is invalidated in one turn is purged by one call', async () => {
  open();
  await Promise.all([cache.invalidateTags('a', 'b'), cache.invalidateTags('b', 'c')]);
  expect(receiver.calls).toEqual([]);
  expect(cache.stats().purges).toEqual({ waiting: 3, done: 0, failed: 0, dropped: 0 });
  await turn();
  expect(receiver.calls).toEqual([['a', 'b', 'c']]);
  expect(cache.stats().purges).toEqual({ waiting: 0, done: 3, failed: 0, dropped: 0 });
});

test('clear purges everything, and what waited need not be purged any more', async () => {
  open();
  await Promise.all([cache.invalidateTags('a'), cache.clear(), cache.invalidateTags('b')]);
  await turn();
  expect(receiver.calls).toEqual([undefined]);
  expect(cache.stats().purges.done).toBe(1);
});

test('without a hook nothing is purged, and nothing waits', async () => {
  cache = createCache<string>({ name: 'purges', ttlMs: 60_000, clock });
  await cache.invalidateTags('a');
  expect(cache.stats().purges).toEqual({ waiting: 0, done: 0, failed: 0, dropped: 0 });
});

test.each([
  ['throws', fails],
  ['rejects', async () => fails()],
  ['hangs', hangs],
])('no caller waits for a hook that %s, or hears of it', async (_how, answer) => {
  receiver.answer = answer;
  open();
  expect(await cache.invalidateTags('a')).toEqual({ acknowledged: true });
  expect(await cache.clear()).toEqual({ acknowledged: true });
  await pass(6000);
  expect(cache.stats().purges).toMatchObject({ waiting: 1, failed: expect.any(Number) });
  expect(cache.stats().purges.failed).toBeGreaterThan(0);
});

test('a call that failed is repeated, later each time, until it succeeds', async () => {
  receiver.answer = fails;
  open();
  await cache.invalidateTags('a');
  await turn();
  const at: number[] = [];
  for (let ms = 0; ms < 120_000; ms += 125) {
    const before = receiver.calls.length;
    await pass(125);
    if (receiver.calls.length > before) at.push(ms);
  }
  const pauses = at.map((ms, i) => ms - (at[i - 1] ?? 0));
  for (const [i, ms] of pauses.entries()) {
    const longest = Math.min(30_000, 250 * 2 ** i);
    expect(ms).toBeGreaterThanOrEqual(longest / 2 - 125);
    expect(ms).toBeLessThanOrEqual(longest + 125);
  }
  expect(at.length).toBeGreaterThan(8);
  receiver.answer = () => undefined;
  await pass(30_000);
  expect(cache.stats().purges).toMatchObject({ waiting: 0, done: 1, failed: at.length + 1 });
  await pass(60_000);
  expect(receiver.calls).toHaveLength(at.length + 2);
});

test('the call after a success is made at once again', async () => {
  receiver.answer = fails;
  open();
  await cache.invalidateTags('a');
  await pass(10_000);
  receiver.answer = () => undefined;
  await pass(30_000);
  receiver.answer = fails;
  await cache.invalidateTags('b');
  await turn();
  const before = receiver.calls.length;
  await pass(250);
  expect(receiver.calls).toHaveLength(before + 1);
});

test('a call that takes longer than 5 s is told to stop and is repeated', async () => {
  receiver.answer = hangs;
  open();
  await cache.invalidateTags('a');
  await pass(4999);
  expect(receiver.signals.map(({ aborted }) => aborted)).toEqual([false]);
  await pass(1);
  expect(receiver.signals[0]?.aborted).toBe(true);
  receiver.answer = () => undefined;
  await pass(250);
  expect(receiver.calls).toEqual([['a'], ['a']]);
  expect(cache.stats().purges).toEqual({ waiting: 0, done: 1, failed: 1, dropped: 0 });
});

test('a tag that is invalidated again during its call is purged again', async () => {
  const first = Promise.withResolvers<void>();
  receiver.answer = () => first.promise;
  open();
  await cache.invalidateTags('a');
  await turn();
  await cache.invalidateTags('a', 'b');
  expect(cache.stats().purges.waiting).toBe(3);
  first.resolve();
  await turn();
  expect(receiver.calls).toEqual([['a'], ['a', 'b']]);
});

test('a tag that makes calls fail does not keep the others from being purged', async () => {
  receiver.answer = (tags) => {
    if (tags?.includes('poison')) fails();
  };
  open();
  await cache.invalidateTags('a', 'b', 'poison', 'c', 'd');
  await pass(60_000);
  expect(cache.stats().purges).toMatchObject({ waiting: 1, done: 4, dropped: 0 });
});

test('a call names 100 tags at most', async () => {
  open();
  await cache.invalidateTags(...Array.from({ length: 250 }, (_, i) => `t${i}`));
  await turn();
  await turn();
  expect(receiver.calls.map((tags) => tags?.length)).toEqual([100, 100, 50]);
});

test('of more than 10,000 that wait, the oldest are dropped', async () => {
  receiver.answer = fails;
  open();
  await cache.invalidateTags('oldest', 'older');
  await cache.invalidateTags(...Array.from({ length: 9999 }, (_, i) => `t${i}`));
  expect(cache.stats().purges).toMatchObject({ waiting: 10_000, dropped: 1 });
  await turn();
  expect(receiver.calls[0]?.[0]).toBe('older');
});

test('what nobody can serve any more is given up', async () => {
  receiver.answer = fails;
  open();
  await cache.invalidateTags('a');
  await pass(dayMs - 60_000);
  expect(cache.stats().purges).toMatchObject({ waiting: 1, dropped: 0 });
  await pass(120_000);
  expect(cache.stats().purges).toMatchObject({ waiting: 0, dropped: 1 });
});

test('close tries at once what waits, and waits for it', async () => {
  receiver.answer = fails;
  open();
  await cache.invalidateTags('a');
  await pass(20_000);
  receiver.answer = () => undefined;
  await cache.close();
  expect(cache.stats().purges).toMatchObject({ waiting: 0, done: 1, dropped: 0 });
});

test.each([
  ['fails', fails],
  ['hangs', hangs],
])('close gives up what %s until its time is over', async (_how, answer) => {
  receiver.answer = answer;
  open();
  await cache.invalidateTags('a', 'b');
  await turn();
  let isClosed = false;
  const closing = cache.close({ timeoutMs: 1000 }).then(() => {
    isClosed = true;
  });
  await vi.advanceTimersByTimeAsync(900);
  await turn();
  expect(isClosed).toBe(false);
  await vi.advanceTimersByTimeAsync(100);
  await turn();
  await closing;
  expect(cache.stats().purges).toMatchObject({ waiting: 0, done: 0, dropped: 2 });
  expect(receiver.signals.at(-1)?.aborted).toBe(answer === hangs);
});

test('close lets no load take the time that a purge needs', async () => {
  receiver.answer = fails;
  open();
  cache.getOrSet('slow', () => new Promise<string>(() => undefined)).catch(() => undefined);
  await cache.invalidateTags('a');
  await pass(20_000);
  receiver.answer = () => undefined;
  const closing = cache.close({ timeoutMs: 1000 });
  await turn();
  expect(cache.stats().purges).toMatchObject({ done: 1, dropped: 0 });
  await vi.advanceTimersByTimeAsync(1000);
  await closing;
});

test('a tag that is invalidated again during a call that fails is tried for as long as a new one', async () => {
  const first = Promise.withResolvers<void>();
  receiver.answer = () => first.promise;
  open();
  await cache.invalidateTags('a');
  await turn();
  clock.advance(dayMs - 1000);
  await cache.invalidateTags('a');
  receiver.answer = fails;
  first.reject(new Error('the CDN is away'));
  await turn();
  await pass(2000);
  expect(cache.stats().purges).toMatchObject({ waiting: 1, dropped: 0 });
});

test('only the process that invalidated calls its hook', async () => {
  const l2 = memoryTier();
  open({ l2 });
  const other = new Receiver();
  const there = createCache({
    name: 'purges',
    ttlMs: 1000,
    clock,
    l2,
    onInvalidateTags: other.hook,
  });
  await there.getOrSet('k', () => 'v', { tags: ['a'] });
  await cache.invalidateTags('a');
  await turn();
  expect([receiver.calls.length, other.calls.length]).toEqual([1, 0]);
  await there.close();
});

test('a CDN is told after L2 knows, and when L2 was away once more as soon as it does', async () => {
  const l2 = faultyTier(memoryTier());
  open({ l2 });
  l2.hang();
  const invalidating = cache.invalidateTags('a');
  await turn();
  expect(receiver.calls).toEqual([]);
  l2.heal();
  expect(await invalidating).toEqual({ acknowledged: true });
  await turn();
  expect(receiver.calls).toEqual([['a']]);
  l2.disconnect();
  expect(await cache.invalidateTags('b')).toEqual({ acknowledged: false });
  await turn();
  expect(receiver.calls).toEqual([['a'], ['b']]);
  l2.heal();
  await pass(250);
  expect(receiver.calls).toEqual([['a'], ['b'], ['b']]);
});

test('a hook that is no function is refused', () => {
  expect(() => open({ onInvalidateTags: 'purge' as never })).toThrow(
    new TypeError('onInvalidateTags must be a function, got "purge"'),
  );
});
