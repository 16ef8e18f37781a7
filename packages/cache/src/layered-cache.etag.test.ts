import { expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import { encrypted } from './encrypted.ts';
import { etagOf } from './etag.ts';
import { json } from './index.ts';
import type { Loader } from './load.ts';
import { memoryTier } from './memory-tier.ts';
import { manualClock } from './testing/index.ts';

const clock = manualClock();
const { bus: _, ...tier } = memoryTier();

const open = useCaches<unknown>({ name: 'etag', ttlMs: 1000, clock });

const broken = (): Promise<string> => Promise.reject(new Error('database is away'));

test('a value has the same etag in every process, however it got there', async () => {
  const [setter, reader] = [open({ l2: tier }), open({ l2: tier })];
  await setter.set('a', { id: 1 });
  await reader.get('a');
  const loader = open({ l2: tier });
  await loader.getOrSet('b', () => ({ id: 1 }));
  const alone = open();
  await alone.set('a', { id: 1 });
  const expected = etagOf(Buffer.from('{"id":1}'));
  expect(setter.entry('a')?.etag).toBe(expected);
  expect(reader.entry('a')?.etag).toBe(expected);
  expect(loader.entry('b')?.etag).toBe(expected);
  expect(alone.entry('a')?.etag).toBe(expected);
});

test('what is encrypted has the etag of the bytes that were stored, and tells nothing of its content', async () => {
  const codec = encrypted(json(), { current: 'k', keys: { k: Buffer.alloc(32, 7) } });
  const [here, there] = [open({ l2: tier, codec }), open({ l2: tier, codec })];
  await here.set('a', 'secret');
  await there.get('a');
  expect(there.entry('a')?.etag).toBe(here.entry('a')?.etag);
  expect(here.entry('a')?.etag).not.toBe(etagOf(Buffer.from('"secret"')));
});

test('without an L2 an etag is made once, when it is first read', async () => {
  const codec = { ...json(), encode: vi.fn(json().encode) };
  const cache = open({ codec });
  await cache.getOrSet('a', () => 'value');
  await cache.getOrSet('a', broken);
  cache.entry('a');
  expect(codec.encode).not.toHaveBeenCalled();
  const etag = cache.entry('a')?.etag;
  expect(cache.entry('a')?.etag).toBe(etag);
  expect(codec.encode).toHaveBeenCalledTimes(1);
});

test('with an L2 no etag is made for what was found there', async () => {
  const codec = { ...json(), encode: vi.fn(json().encode) };
  await open({ l2: tier }).set('a', 'value');
  const cache = open({ l2: tier, codec });
  await cache.get('a');
  expect(cache.entry('a')?.etag).toBe(etagOf(Buffer.from('"value"')));
  expect(codec.encode).not.toHaveBeenCalled();
});

test('what the codec cannot carry has an etag of its own, for as long as it is stored', async () => {
  const cache = open();
  await cache.set('a', new Date(0));
  await cache.set('b', new Date(0));
  const etag = cache.entry('a')?.etag;
  expect(cache.entry('a')?.etag).toBe(etag);
  expect(cache.entry('b')?.etag).not.toBe(etag);
});

test.each([
  ['memory alone', {}],
  ['an L2', { l2: tier, staleIfErrorMs: 60_000 }],
])('with %s: the etag of the origin comes back for the next request', async (_where, options) => {
  const cache = open(options);
  await cache.getOrSet('a', ({ setEtag }) => {
    setEtag('W/"v1"');
    return { id: 1 };
  });
  expect(cache.entry('a')?.etag).toBe('W/"v1"');
  clock.advance(1000);
  // Another process has to find it, too.
  const next = 'l2' in options ? open(options) : cache;
  const seen: (string | undefined)[] = [];
  const unchanged: Loader<unknown> = ({ previous }) => {
    seen.push(previous?.etag);
    return previous?.value;
  };
  await next.getOrSet('a', unchanged);
  expect(next.entry('a')).toMatchObject({ value: { id: 1 }, ttlMs: 1000, etag: 'W/"v1"' });
  clock.advance(1000);
  await next.getOrSet('a', unchanged);
  expect(seen).toEqual(['W/"v1"', 'W/"v1"']);
});

test('a new value has another etag than the one before it', async () => {
  const cache = open();
  await cache.getOrSet('a', ({ setEtag }) => {
    setEtag('"v1"');
    return { id: 1 };
  });
  clock.advance(1000);
  await cache.getOrSet('a', () => ({ id: 1 }));
  expect(cache.entry('a')?.etag).toBe(etagOf(Buffer.from('{"id":1}')));
});

test('a loader that sets no proper etag has failed', async () => {
  const load: Loader<unknown> = ({ setEtag }) => setEtag('v1');
  await expect(open().getOrSet('a', load)).rejects.toThrow(
    'an etag must be like "abc" or W/"abc", quotes included, got v1',
  );
});

test('an expired value keeps its etag', async () => {
  const [here, there] = [open({ l2: tier, staleIfErrorMs: 5000 }), open({ l2: tier })];
  await here.set('a', 'value');
  const etag = here.entry('a')?.etag;
  await here.expire('a');
  expect(here.entry('a')?.etag).toBe(etag);
  await there.getOrSet('a', ({ previous }) => {
    expect(previous?.etag).toBe(etag);
    return 'value';
  });
});
