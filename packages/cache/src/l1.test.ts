import { afterEach, expect, test, vi } from 'vitest';
import { tickerOf } from './clock.ts';
import { L1 } from './l1.ts';
import { Tags } from './tags.ts';
import { manualClock } from './testing/index.ts';

function open(maxEntries = 100, ttlMs = 60_000, maxBytes?: number) {
  const clock = manualClock();
  const l1 = new L1<string>(
    {
      maxEntries,
      maxBytes,
      freeze: false,
      ttlMs,
      refreshAhead: 1,
      revalidateMs: 0,
      staleMs: 0,
      etagOf: String,
    },
    tickerOf(clock),
  );
  const put = (key: string, lifeMs = 1000, value = `${key}!`) =>
    l1.set(
      key,
      l1.make(
        value,
        { createdAt: clock.now(), expiresAt: clock.now() + lifeMs },
        { source: 'loader', epoch: l1.epoch, tags: [] },
      ),
    );
  return { clock, l1, put };
}

afterEach(() => {
  vi.useRealTimers();
});

test('serves an entry until the very end of its life', () => {
  const { clock, l1, put } = open();
  put('a', 1000);
  clock.advance(999);
  expect(l1.fresh('a')?.value).toBe('a!');
  clock.advance(1);
  expect(l1.fresh('a')).toBeUndefined();
  expect(l1.any('a')?.value).toBe('a!');
});

test('serves an entry no longer than its own ttl allows', () => {
  const { clock, l1, put } = open(100, 50);
  put('a', 1000);
  clock.advance(50);
  expect(l1.fresh('a')).toBeUndefined();
});

test('drops the least recently used entry, and a look without use does not count', () => {
  const { l1, put } = open(2);
  put('a');
  put('b');
  l1.fresh('a');
  l1.any('b');
  put('c');
  expect(l1.any('a')).toBeDefined();
  expect(l1.any('b')).toBeUndefined();
});

test('deletes the last entry as it deletes any other, whatever it is called', () => {
  const { l1, put } = open(1_000_000);
  put('');
  l1.delete('');
  l1.delete('');
  expect(l1.any('')).toBeUndefined();
  expect(l1.size).toBe(0);
  put('a');
  expect(l1.size).toBe(1);
});

test('counts hits and misses', () => {
  const { l1, put } = open();
  put('a');
  l1.fresh('a');
  l1.fresh('a');
  l1.fresh('b');
  expect(l1).toMatchObject({ hits: 2, misses: 1 });
});

test('serves nothing again that it was told to distrust, and keeps it for failing loaders', () => {
  const { l1, put } = open();
  put('a');
  l1.distrust();
  expect(l1.fresh('a')).toBeUndefined();
  expect(l1.any('a')?.value).toBe('a!');
  put('a');
  expect(l1.fresh('a')?.value).toBe('a!');
});

test('sees time pass within 64 hits, in a loop that lets no timer run', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const ticker = tickerOf(undefined);
  const l1 = new L1<string>(
    {
      maxEntries: 10,
      maxBytes: undefined,
      freeze: false,
      ttlMs: 1000,
      refreshAhead: 1,
      revalidateMs: 0,
      staleMs: 0,
      etagOf: String,
    },
    ticker,
  );
  const now = ticker.read();
  const life = { createdAt: now, expiresAt: now + 5 };
  l1.set('a', l1.make('value', life, { source: 'loader', epoch: 0, tags: [] }));
  vi.advanceTimersByTime(10);
  let hits = 0;
  while (l1.fresh('a')) hits += 1;
  expect(hits).toBeLessThanOrEqual(64);
  ticker.release();
});

const kilobyte = 'x'.repeat(512);

test('maxBytes: drops the least recently used entries until the others fit', () => {
  const { l1, put } = open(100, 60_000, 5000);
  for (const key of ['a', 'b', 'c']) put(key, 1000, kilobyte);
  expect(l1.bytes).toBe(3 * (256 + 2 + 16 + 1024));
  l1.fresh('a');
  put('d', 1000, kilobyte);
  expect(['a', 'b', 'c', 'd'].map((key) => l1.any(key) !== undefined)).toEqual([
    true,
    false,
    true,
    true,
  ]);
  put('e', 1000, kilobyte.repeat(4));
  expect(l1.size).toBe(1);
  expect(l1.bytes).toBeLessThanOrEqual(5000);
});

test('maxBytes: keeps nothing that alone is larger, and forgets what it would have replaced', () => {
  const { l1, put } = open(1_000_000, 60_000, 5000);
  put('a');
  put('a', 1000, kilobyte.repeat(5));
  expect(l1.any('a')).toBeUndefined();
  expect(l1.size).toBe(0);
  put('b');
  expect(l1.any('b')).toBeDefined();
});

test('maxBytes: counts a smaller value in the place of a larger one', () => {
  const { l1, put } = open(100, 60_000, 5000);
  put('a', 1000, kilobyte);
  put('a', 1000, '');
  expect(l1.bytes).toBe(256 + 2 + 16);
});

test('maxBytes: counts that an entry refers to its tags', () => {
  const { l1 } = open(100, 60_000, 5000);
  const tags = ['t', 'u'].map((tag) => new Tags(() => undefined).assume(tag));
  const life = { createdAt: 0, expiresAt: 1000 };
  l1.set('a', l1.make('', life, { source: 'loader', epoch: l1.epoch, tags }));
  expect(l1.bytes).toBe(256 + 2 * 8 + 2 + 16);
});

test('maxBytes: holds after everything was invalidated, whose room is taken back little by little', () => {
  const { l1, put } = open(100, 60_000, 5000);
  for (const key of ['a', 'b', 'c']) put(key, 1000, kilobyte);
  l1.invalidate();
  expect(l1.any('a')).toBeUndefined();
  const held = ['d', 'e', 'f'].map((key) => {
    put(key, 1000, kilobyte);
    return l1.bytes;
  });
  expect(Math.max(...held)).toBeLessThanOrEqual(5000);
  expect(['d', 'e', 'f'].map((key) => l1.fresh(key)?.value)).toEqual([
    kilobyte,
    kilobyte,
    kilobyte,
  ]);
});
