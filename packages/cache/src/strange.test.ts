import { expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import { type Cache, type Codec, compressed, json, memoryTier } from './index.ts';
import { faultyTier, manualClock } from './testing/index.ts';

// What is unusual and still right: keys, tags, codecs and calls at the same moment.

const clock = manualClock();
const tier = faultyTier(memoryTier({ maxEntries: 20_000, timeoutMs: 10_000 }));
const open = useCaches({ name: 'strange', ttlMs: 60_000, clock, l2: tier }, tier);
const broken = (): Promise<string> => Promise.reject(new Error('database is away'));

const keys = [
  ...[
    '',
    ' ',
    '~',
    '~~a',
    '{}',
    '{a}',
    'a',
    '}',
    '%',
    '%empty',
    '%all',
    '#{a}',
    '\0',
    '\n',
    '\ud800',
  ],
  ...['a\u2028b', 'v1:{a}', '__proto__', 'constructor', 'hasOwnProperty', 'x'.repeat(1_000_000)],
];

test('keys of every kind are kept apart, found again, and forgotten one by one', async () => {
  const [here, there] = [open(), open()];
  await here.getMany(keys, (missing) => new Map(missing.map((key) => [key, `of ${key}`])));
  expect([...(await there.getMany(keys))]).toEqual(keys.map((key) => [key, `of ${key}`]));
  for (const [i, key] of keys.entries()) {
    await here.delete(key);
    expect((await there.getMany(keys)).size).toBe(keys.length - 1 - i);
  }
});

test('tags of every kind end the values that have them, in all processes', async () => {
  const [here, there] = [open(), open()];
  const tags = keys.filter((tag) => tag !== '' && tag.length < 1000);
  for (const tag of tags) await here.set(`of ${tag}`, tag, { tags: [tag] });
  for (const [i, tag] of tags.entries()) {
    expect(await there.get(`of ${tag}`)).toBe(tag);
    await here.invalidateTags(tag);
    expect(await there.get(`of ${tag}`)).toBeUndefined();
    expect((await there.getMany(tags.map((each) => `of ${each}`))).size).toBe(tags.length - 1 - i);
  }
});

test('a value may have 2,000 tags, and each of them ends it', async () => {
  const [here, there] = [open(), open()];
  const tags = Array.from({ length: 2000 }, (_, i) => `tag, ${i}`);
  await here.getOrSet('a', () => 'value', { tags });
  expect(await there.get('a')).toBe('value');
  await there.invalidateTags('tag, 1999');
  await vi.waitFor(() => expect(here.peek('a')).toBeUndefined());
  expect(await here.get('a')).toBeUndefined();
});

test('getMany takes 2,000 keys, each twice, for one call of the loader', async () => {
  const cache = open();
  const many = Array.from({ length: 2_000 }, (_, i) => `${i}`);
  const load = vi.fn((missing: readonly string[]) => new Map(missing.map((key) => [key, key])));
  const found = await cache.getMany([...many, ...many], load);
  expect([...found.keys()]).toEqual(many);
  expect(load).toHaveBeenCalledExactlyOnceWith(many, expect.anything());
});

test('caches with one name and other codecs never give each other nonsense', async () => {
  const reversed: Codec = {
    encode: (value) => Buffer.from(`!${JSON.stringify(value)}`).reverse(),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).reverse().toString().slice(1)),
  };
  const codecs = [json(), reversed, compressed(json(), { overBytes: 0 })];
  const all = codecs.map((codec) => open({ codec }));
  for (const [i, cache] of all.entries()) {
    expect(await cache.getOrSet('a', () => `of ${i}`)).toBe(`of ${i}`);
    expect(cache.stats().l2.foreign).toBe(i === 0 ? 0 : 1);
  }
});

test.each([
  ['a clear before', 'before', (cache: Cache<string>) => cache.clear()],
  ['a clear after', 'after', (cache: Cache<string>) => cache.clear()],
  ['an invalidation before', 'before', (cache: Cache<string>) => cache.invalidateTags('t')],
  ['an invalidation after', 'after', (cache: Cache<string>) => cache.invalidateTags('t')],
])(
  'a set that nobody waited for, and %s it: what came last counts',
  async (_what, when, forget) => {
    const [here, there] = [open(), open()];
    await there.set('a', 'old');
    const forgotten = when === 'before' ? forget(here) : undefined;
    const written = here.set('a', 'new', { tags: ['t'] });
    await Promise.all([written, forgotten ?? forget(here)]);
    // While nobody knows whether L2 has been told to forget, the value is kept here only.
    const [mine, others] = [await here.get('a'), await there.get('a')];
    expect([undefined, when === 'before' ? 'new' : undefined]).toContain(mine);
    expect([undefined, mine]).toContain(others);
    expect(await open().get('a')).toBe(others);
  },
);

test('a wall clock that goes back by an hour makes values misses, and the loader mends them', async () => {
  const [here, there] = [open(), open()];
  await here.getOrSet('a', () => 'old');
  clock.setWallBy(-3_600_000);
  expect(here.peek('a')).toBe('old');
  expect(await there.get('a')).toBeUndefined();
  expect(await there.getOrSet('a', () => 'new')).toBe('new');
  expect(there.entry('a')).toMatchObject({ ageMs: 0, ttlMs: 60_000 });
  expect(await open().getOrSet('a', broken)).toBe('new');
  clock.setWallBy(3_600_000);
});
