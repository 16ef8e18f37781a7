import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Cache } from './cache.ts';
import { createCache } from './layered-cache.ts';
import { memoryTier } from './memory-tier.ts';
import type { CacheOptions } from './options.ts';
import { EVERYTHING, Tags } from './tags.ts';
import { faultyTier, manualClock } from './testing/index.ts';

const caches: AsyncDisposable[] = [];
const clock = manualClock();
const broken = (): Promise<string> => Promise.reject(new Error('database is away'));
const tagged = { tags: ['catalog'] };

function slowLoad() {
  const row = Promise.withResolvers<string>();
  const load = vi.fn(() => row.promise);
  const started = () => vi.waitFor(() => expect(load).toHaveBeenCalled());
  return { ...row, load, started };
}

afterEach(async () => {
  clock.advance(1000);
  await Promise.all(caches.splice(0).map((cache) => cache[Symbol.asyncDispose]()));
});

describe.each(['with a bus', 'without a bus'])('processes that share L2, %s', (how) => {
  let tier = faultyTier(memoryTier());
  let open: (options?: Partial<CacheOptions>) => Cache<string>;
  /** Makes a process forget what it has in L1 only because nobody tells it of changes. */
  const forget = () => clock.advance(how === 'with a bus' ? 0 : 100);

  beforeEach(() => {
    const { bus, ...busless } = memoryTier({ timeoutMs: 1000 });
    tier = faultyTier(how === 'with a bus' && bus ? { ...busless, bus } : busless);
    open = (options = {}) => {
      const cache = createCache<string>({
        name: 'tags',
        ttlMs: 60_000,
        staleIfErrorMs: 60_000,
        clock,
        l1: { ttlMs: 100 },
        l2: tier,
        ...options,
      });
      caches.push(cache);
      return cache;
    };
  });

  test('the id that every entry has is kept for years, as all values are lost with it', async () => {
    const write = vi.spyOn(tier, 'write');
    await open().set('a', 'value', tagged);
    const keptFor = (name: string) => write.mock.calls.find(([key]) => key.endsWith(name))?.[2];
    expect(keptFor('#{%all}')).toBeGreaterThan(5 * 365 * 86_400_000);
    expect(keptFor('#{catalog}')).toBe(86_400_000);
  });

  test('a tag invalidates its values everywhere, also for failing loaders, and no others', async () => {
    const [here, there] = [open(), open()];
    await here.set('a', 'old', tagged);
    await here.getOrSet('b', () => 'old', { tags: ['other', 'catalog'] });
    await here.set('c', 'kept', { tags: ['other'] });
    await here.set('d', 'kept');
    const keys = ['a', 'b', 'c', 'd'];
    for (const key of keys) await there.get(key);
    expect(await here.invalidateTags('catalog')).toEqual({ acknowledged: true });
    forget();
    for (const cache of [here, there]) {
      expect(Object.fromEntries(await cache.getMany(keys))).toEqual({ c: 'kept', d: 'kept' });
      await expect(cache.getOrSet('a', broken)).rejects.toThrow('database is away');
      expect(cache.entry('b')).toBeUndefined();
    }
    expect(await there.getOrSet('a', () => 'new', tagged)).toBe('new');
    expect(await open().get('a')).toBe('new');
  });

  test('clear invalidates everything everywhere', async () => {
    const [here, there] = [open(), open()];
    await here.set('a', 'old');
    await here.set('b', 'old', tagged);
    await there.getMany(['a', 'b']);
    expect(await here.clear()).toEqual({ acknowledged: true });
    forget();
    for (const cache of [here, there, open()]) {
      expect((await cache.getMany(['a', 'b'])).size).toBe(0);
      expect(cache.entry('a')).toBeUndefined();
    }
    await there.set('a', 'new');
    expect(await open().get('a')).toBe('new');
  });

  test.each([
    ['its tag is invalidated', (cache: Cache<string>) => cache.invalidateTags('catalog')],
    ['everything is cleared', (cache: Cache<string>) => cache.clear()],
  ])('what is loaded while %s, here or there, comes back nowhere', async (_what, invalidate) => {
    for (const who of ['here', 'there']) {
      const [here, there] = [open(), open()];
      const row = slowLoad();
      const old = here.getOrSet(who, row.load, tagged);
      await row.started();
      await invalidate(who === 'here' ? here : there);
      row.resolve('old');
      expect(await old).toBe('old');
      if (who === 'here') expect(here.stats().fencedWrites).toBe(1);
      forget();
      for (const cache of [here, there, open()]) expect(await cache.get(who)).toBeUndefined();
    }
  });

  test('a tag that L2 has lost makes misses and never brings an old value back', async () => {
    const here = open();
    await here.set('old', 'old', tagged);
    await here.invalidateTags('catalog');
    await here.set('new', 'new', tagged);
    await tier.delete(['tags:v1:#{catalog}']);
    const there = open();
    expect((await there.getMany(['old', 'new'])).size).toBe(0);
    expect(await there.getOrSet('new', () => 'newer', tagged)).toBe('newer');
    expect(await open().get('new')).toBe('newer');
    expect(await open().get('old')).toBeUndefined();
  });

  test('an invalidation waits for L2, which is not believed about the tag meanwhile', async () => {
    const [here, there] = [open(), open()];
    await here.set('a', 'old', tagged);
    await there.get('a');
    tier.fail('write', 'publish');
    expect(await here.invalidateTags('catalog')).toEqual({ acknowledged: false });
    expect(here.stats().l2.waitingDeletes).toBe(1);
    expect(await here.get('a')).toBeUndefined();
    expect(await here.getOrSet('a', () => 'new', tagged)).toBe('new');
    expect(await there.get('a')).toBe('old');
    // What was loaded without the id of its tag could not be written: its lease was given back.
    expect(await here.getOrSet('b', () => 'new', tagged)).toBe('new');
    expect(await there.getOrSet('b', () => 'there')).toBe('there');
    expect(there.stats().l2.leaseWaits).toBe(0);
    tier.heal();
    await vi.waitFor(() => expect(here.stats().l2.waitingDeletes).toBe(0));
    forget();
    expect(await there.get('a')).toBeUndefined();
  });

  test('a loader names tags that it finds out; one that is new to the process costs the value its place once', async () => {
    const cache = open();
    const load = vi.fn(({ setTags }: { setTags(tags: string[]): void }) => {
      setTags(['store:7']);
      return 'value';
    });
    expect(await cache.getOrSet('a', load)).toBe('value');
    expect(cache.peek('a')).toBeUndefined();
    expect(await cache.getOrSet('a', load)).toBe('value');
    expect(cache.entry('a')?.tags).toEqual(['store:7']);
    expect(await open().get('a')).toBe('value');
    await open().invalidateTags('store:7');
    forget();
    expect(await cache.get('a')).toBeUndefined();
  });

  test('what a loader named a tag for is not stored when the tag was invalidated meanwhile', async () => {
    const [here, there] = [open(), open()];
    await here.set('other', 'value', tagged);
    const row = slowLoad();
    const old = here.getOrSet('a', async ({ setTags }) => {
      const value = await row.load();
      setTags(['catalog']);
      return value;
    });
    await row.started();
    await there.invalidateTags('catalog');
    row.resolve('old');
    expect(await old).toBe('old');
    for (const cache of [here, there, open()]) expect(await cache.get('a')).toBeUndefined();
  });

  test('a set that waits for the ids of its tags does not overtake a later set or delete', async () => {
    const cache = open();
    const first = cache.set('a', 'first', { tags: ['new to all'] });
    const second = cache.set('a', 'second');
    await Promise.all([first, second]);
    expect(await open().get('a')).toBe('second');
    const third = cache.set('a', 'third', { tags: ['another new one'] });
    await Promise.all([third, cache.delete('a')]);
    expect(await open().get('a')).toBeUndefined();
  });

  test('values that L2 keeps are used with their tags while the loader fails', async () => {
    await open().set('a', 'old', tagged);
    clock.advance(70_000);
    const there = open();
    expect(await there.getOrSet('a', broken)).toBe('old');
    await open().invalidateTags('catalog');
    forget();
    await expect(there.getOrSet('a', broken)).rejects.toThrow('database is away');
  });
});

describe('the id of a tag that is being read while the tag is invalidated', () => {
  const tier = faultyTier(memoryTier({ timeoutMs: 1000 }));
  const { read } = tier;
  let run = 0;
  const open = () => {
    const cache = createCache<string>({ name: `race-${run}`, ttlMs: 60_000, l2: tier });
    caches.push(cache);
    return cache;
  };

  afterEach(() => {
    run += 1;
    tier.read = read;
    tier.heal();
  });

  /** The answer about the tag is held back, with what was true when it was asked for. */
  function holdTag() {
    const gate = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    tier.read = async (keys) => {
      const found = await read(keys);
      if (!keys.some((key) => key.includes('#{catalog}'))) return found;
      asked.resolve();
      await gate.promise;
      return found;
    };
    return { asked: asked.promise, letGo: () => gate.resolve() };
  }

  test('is not believed when another process has said more meanwhile', async () => {
    const here = open();
    await here.set('a', 'old', tagged);
    const there = open();
    const { asked, letGo } = holdTag();
    const reading = there.get('a');
    await asked;
    await here.invalidateTags('catalog');
    letGo();
    await reading;
    expect(await there.get('a')).toBeUndefined();
    expect(there.peek('a')).toBeUndefined();
  });

  test('is not believed while an invalidation of this process waits for L2', async () => {
    await open().set('a', 'old', tagged);
    const cache = open();
    const { asked, letGo } = holdTag();
    const reading = cache.get('a');
    await asked;
    tier.fail('write', 'publish');
    expect(await cache.invalidateTags('catalog')).toEqual({ acknowledged: false });
    letGo();
    expect(await reading).toBeUndefined();
    expect(cache.peek('a')).toBeUndefined();
  });
});

test('ids of tags are asked for again after messages may have been missed', async () => {
  const tier = faultyTier(memoryTier({ timeoutMs: 1000 }));
  const open = () => {
    const cache = createCache<string>({ name: 'missed', ttlMs: 60_000, l2: tier });
    caches.push(cache);
    return cache;
  };
  const [here, there] = [open(), open()];
  await here.set('a', 'old', tagged);
  await there.get('a');
  tier.cutBus();
  await here.invalidateTags('catalog');
  expect(await there.get('a')).toBeUndefined();
  await here.set('a', 'older', tagged);
  expect(await there.get('a')).toBe('older');
  await here.invalidateTags('catalog');
  tier.heal();
  expect(await there.get('a')).toBeUndefined();
});

test('tags and clear work without L2, also for tags that a loader names', async () => {
  const cache = createCache<string>({ name: 'alone', ttlMs: 60_000 });
  caches.push(cache);
  await cache.getOrSet('a', ({ setTags }) => {
    setTags(['late']);
    return 'value';
  });
  await cache.set('b', 'value', { tags: ['early'] });
  await cache.set('c', 'value');
  expect(cache.entry('a')?.tags).toEqual(['late']);
  await cache.invalidateTags('late');
  expect([cache.peek('a'), cache.peek('b')]).toEqual([undefined, 'value']);
  await cache.invalidateTags('early', 'unknown');
  expect([cache.peek('b'), cache.peek('c')]).toEqual([undefined, 'value']);
  await cache.clear();
  expect(cache.peek('c')).toBeUndefined();
  const row = slowLoad();
  const old = cache.getOrSet('d', async ({ setTags }) => {
    const value = await row.load();
    setTags(['never seen']);
    return value;
  });
  await row.started();
  await cache.invalidateTags('never seen');
  row.resolve('old');
  await old;
  expect(cache.peek('d')).toBeUndefined();
});

test('a tag must be a text with something in it', async () => {
  const cache = createCache<string>({ name: 'bad', ttlMs: 60_000 });
  caches.push(cache);
  const message = 'a tag must be a string and not empty, got ""';
  await expect(cache.invalidateTags('')).rejects.toThrow(message);
  await expect(cache.set('a', 'value', { tags: [''] })).rejects.toThrow(message);
  await expect(cache.getOrSet('a', () => 'value', { tags: [''] })).rejects.toThrow(message);
  await expect(cache.getMany(['a'], () => new Map(), { tags: [''] })).rejects.toThrow(message);
  const load = ({ setTags }: { setTags(tags: string[]): void }) => {
    setTags([1 as never]);
    return 'value';
  };
  await expect(cache.getOrSet('a', load)).rejects.toThrow(
    'a tag must be a string and not empty, got 1',
  );
  expect(cache.peek('a')).toBeUndefined();
});

describe('what a process knows about tags', () => {
  test('keeps a generation as long as its id is the same, and ends it with another one', () => {
    const tags = new Tags(() => undefined);
    const first = tags.learn('a', 'id1', 0);
    expect(tags.learn('a', 'id1', 0)).toBe(first);
    const second = tags.learn('a', 'id2', 0);
    expect([first.isOver, second.isOver]).toEqual([true, false]);
  });

  test('does not rely on what it learned before changes may have been missed', () => {
    const tags = new Tags(() => undefined);
    const generation = tags.learn('a', 'id', tags.epoch);
    const before = tags.epoch;
    tags.distrust();
    expect(tags.checked('a')).toBeUndefined();
    tags.learn('a', 'id', before);
    expect(tags.checked('a')).toBeUndefined();
    tags.learn('a', 'id', tags.epoch);
    expect(tags.checked('a')).toBe(generation);
  });

  test('ends what it has no room for: nobody could end it later', () => {
    const tags = new Tags(() => undefined);
    const oldest = tags.learn('oldest', 'id', 0);
    for (let i = 0; i < 100_000; i += 1) tags.learn(`${i}`, 'id', 0);
    expect(oldest.isOver).toBe(true);
    expect(tags.checked('oldest')).toBeUndefined();
    expect(tags.last('0')?.isOver).toBe(false);
  });

  test('never ends the tag that every entry has for want of room', () => {
    const ended = vi.fn();
    const tags = new Tags(ended);
    const everything = tags.learn(EVERYTHING, 'id', 0);
    for (let i = 0; i < 100_001; i += 1) tags.learn(`${i}`, 'id', 0);
    expect(everything.isOver).toBe(false);
    expect(ended).not.toHaveBeenCalledWith(EVERYTHING);
    expect(tags.last('0')?.isOver).toBe(true);
  });

  // More tags than there is room for take a busy machine some time.
  test('tags that others invalidate take no room from those that are known here, nor ever more', {
    timeout: 30_000,
  }, () => {
    const tags = new Tags(() => undefined);
    const known = tags.learn('catalog', 'id', 0);
    for (let i = 0; i < 150_000; i += 1) tags.end(`${i}`);
    expect(known.isOver).toBe(false);
    expect(tags.last('149999')?.isOver).toBe(true);
    expect(tags.last('0')).toBeUndefined();
  });

  test('says when everything has ended, not when it is first heard of', () => {
    const cleared = vi.fn();
    const tags = new Tags(cleared);
    tags.learn(EVERYTHING, 'id1', 0);
    expect(cleared).not.toHaveBeenCalled();
    tags.learn(EVERYTHING, 'id2', 0);
    tags.end(EVERYTHING);
    expect(cleared).toHaveBeenCalledTimes(2);
  });
});
