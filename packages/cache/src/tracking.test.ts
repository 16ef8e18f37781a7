import { expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import type { LoadContext } from './load.ts';
import { memoryTier } from './memory-tier.ts';
import { Names } from './names.ts';
import { faultyTier, manualClock } from './testing/index.ts';

const clock = manualClock();
const tier = faultyTier(memoryTier({ timeoutMs: 1000 }));

const open = useCaches({ name: 'tracking', ttlMs: 60_000, clock, l2: tier }, tier);

const names = () => new Names(open.prefix());
const nameOf = (key: string) => names().ofKey(key);
const nameOfTag = (tag: string) => names().ofTag(tag);
const kept = { staleWhileRevalidateMs: 60_000 };
const large = 'x'.repeat(99);
const broken = (): Promise<string> => Promise.reject(new Error('database is away'));

/** The next read of L2 answers with what it saw only when it is let go. */
function holdRead() {
  const gate = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<void>();
  const read = tier.read;
  tier.read = async (keys) => {
    tier.read = read;
    const found = await read(keys);
    seen.resolve();
    await gate.promise;
    return found;
  };
  return { seen: seen.promise, letGo: gate.resolve };
}

test('a value that somebody has touched is asked about in L2 once, and served on', async () => {
  const cache = open();
  const load = vi.fn(() => 'loaded');
  await cache.set('a', 'value');
  await cache.set('b', 'other');
  tier.touch(nameOf('a'));
  expect([cache.peek('a'), cache.peek('b')]).toEqual([undefined, 'other']);
  const before = tier.calls.read;
  expect(await cache.getOrSet('a', load)).toBe('value');
  expect(cache.peek('a')).toBe('value');
  expect(tier.calls.read - before).toBe(1);
  expect(load).not.toHaveBeenCalled();
  expect(cache.stats().fencedWrites).toBe(0);
});

test('a value that somebody has deleted from L2 is loaded anew', async () => {
  const cache = open();
  await cache.set('a', 'old');
  await tier.delete([nameOf('a')]);
  tier.touch(nameOf('a'));
  expect(await cache.get('a')).toBeUndefined();
  expect(await cache.getOrSet('a', () => 'new')).toBe('new');
  expect(cache.peek('a')).toBe('new');
});

test('a value that was touched still stands in for a loader that fails', async () => {
  const cache = open({ staleIfErrorMs: 60_000 });
  await cache.set('a', 'value');
  await tier.delete([nameOf('a')]);
  tier.touch(nameOf('a'));
  expect(await cache.getOrSet('a', broken)).toBe('value');
  expect(cache.entry('a')?.value).toBe('value');
});

test('while L2 is away the loader is asked about a value that was touched', async () => {
  const cache = open();
  await cache.set('a', 'old');
  tier.touch(nameOf('a'));
  tier.disconnect();
  expect(await cache.getOrSet('a', () => 'new')).toBe('new');
});

test('when all may have been touched, every value is asked about once', async () => {
  const cache = open();
  await cache.set('a', 'value');
  await cache.set('b', 'gone');
  await tier.delete([nameOf('b')]);
  tier.touch();
  expect([cache.peek('a'), cache.peek('b')]).toEqual([undefined, undefined]);
  expect([...(await cache.getMany(['a', 'b']))]).toEqual([['a', 'value']]);
});

test('what was read from L2 before it was touched is handed out and not kept, and nobody joins', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  await there.get('b');
  const held = holdRead();
  const reading = there.get('a');
  await held.seen;
  await tier.delete([nameOf('a')]);
  tier.touch(nameOf('a'));
  expect(await there.get('a')).toBeUndefined();
  held.letGo();
  expect(await reading).toBe('old');
  expect(there.peek('a')).toBeUndefined();
});

test('a load goes on when its key is touched, and its value is written', async () => {
  const cache = open();
  const row = Promise.withResolvers<string>();
  const load = vi.fn(() => row.promise);
  const loading = cache.getOrSet('a', load);
  await vi.waitFor(() => expect(load).toHaveBeenCalled());
  tier.touch(nameOf('a'));
  row.resolve('value');
  expect(await loading).toBe('value');
  expect(cache.stats().fencedWrites).toBe(0);
  // What was touched was older than what is written.
  expect(cache.peek('a')).toBe('value');
  expect(await open().get('a')).toBe('value');
});

test('a value that is touched while it is written is asked about before it is served', async () => {
  const cache = open();
  const { leases } = tier;
  if (!leases) throw new Error('no leases');
  const { write } = leases;
  leases.write = async (...args) => {
    leases.write = write;
    const answer = await write(...args);
    await tier.delete([nameOf('a')]);
    tier.touch(nameOf('a'));
    return answer;
  };
  expect(await cache.getOrSet('a', () => 'old')).toBe('old');
  expect(cache.peek('a')).toBeUndefined();
  expect(await cache.getOrSet('a', () => 'new')).toBe('new');
});

test('a value that is touched while who waited for it takes it over is asked about as well', async () => {
  const [here, there] = [open(), open()];
  const row = Promise.withResolvers<string>();
  const load = vi.fn(() => row.promise);
  const loading = here.getOrSet('a', load);
  await vi.waitFor(() => expect(load).toHaveBeenCalled());
  const waiting = there.getOrSet('a', broken);
  await vi.waitFor(() => expect(there.stats().l2.leaseWaits).toBe(1));
  tier.touch(nameOf('a'));
  row.resolve('value');
  expect(await Promise.all([loading, waiting])).toEqual(['value', 'value']);
  expect(there.peek('a')).toBeUndefined();
  expect(await there.get('a')).toBe('value');
});

test('a tag that somebody has deleted from L2 is invalid everywhere, as if we had invalidated it', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old', { tags: ['catalog'] });
  await here.set('b', 'kept', { tags: ['other'] });
  for (const cache of [here, there]) await cache.getMany(['a', 'b']);
  await tier.delete([nameOfTag('catalog')]);
  tier.touch(nameOfTag('catalog'));
  for (const cache of [here, there]) {
    expect([cache.peek('a'), cache.peek('b')]).toEqual([undefined, 'kept']);
    expect([...(await cache.getMany(['a', 'b']))]).toEqual([['b', 'kept']]);
  }
});

test('a load that began before somebody deleted one of its tags is not stored', async () => {
  const cache = open();
  const row = Promise.withResolvers<string>();
  const load = vi.fn(() => row.promise);
  const loading = cache.getOrSet('a', load, { tags: ['catalog'] });
  await vi.waitFor(() => expect(load).toHaveBeenCalled());
  await tier.delete([nameOfTag('catalog')]);
  tier.touch(nameOfTag('catalog'));
  row.resolve('old');
  expect(await loading).toBe('old');
  expect(cache.peek('a')).toBeUndefined();
  expect(await open().get('a')).toBeUndefined();
});

test('deleting the id that all entries have from L2 clears the cache', async () => {
  const cache = open();
  await cache.set('a', 'old');
  await tier.delete([nameOfTag('')]);
  tier.touch(nameOfTag(''));
  expect(cache.entry('a')).toBeUndefined();
  expect(await cache.get('a')).toBeUndefined();
});

test('keys and tags so long that L2 has only their hash are known again', async () => {
  const cache = open();
  const keys = ['x', 'y'].map((letter) => letter.repeat(500));
  const [touched = '', other = ''] = keys;
  const tag = 't'.repeat(500);
  await cache.set(touched, 'value');
  await cache.set(other, 'other', { tags: [tag] });
  expect((await cache.getMany(keys)).size).toBe(2);
  tier.touch(nameOf(touched), nameOf('z'.repeat(500)));
  expect([cache.peek(touched), cache.peek(other)]).toEqual([undefined, 'other']);
  expect(await cache.get(touched)).toBe('value');
  await tier.delete([nameOfTag(tag)]);
  tier.touch(nameOfTag(tag));
  expect(await cache.get(other)).toBeUndefined();
});

test('a thousand long keys that are not kept any more do not stay behind', async () => {
  let kept = 'none';
  const known = new Names('p:', (key) => key === kept);
  const long = (i: number) => `${i}`.repeat(300);
  const name = known.ofKey(long(1));
  expect(known.meaning(name)).toEqual({ kind: 'key', key: long(1) });
  kept = long(5);
  for (let i = 2; i < 1002; i += 1) known.ofKey(long(i));
  expect(known.meaning(name)).toBeUndefined();
  expect(known.meaning(known.ofKey(kept))).toEqual({ kind: 'key', key: kept });
});

test('names of others mean nothing', async () => {
  const cache = open();
  await cache.set('a', 'value');
  const prefix = open.prefix();
  tier.touch(`${prefix}a`, `${prefix}`, `other:v1:{a}`, `${prefix}#a`, 'x');
  expect(cache.peek('a')).toBe('value');
});

test.each([
  '',
  'a',
  '%',
  '%41;',
  '{}',
  '\u0000\n',
  '\ud800',
  'ü☃😀',
  '%empty',
  '%all',
  '%sha256-x',
])('the way back from the name of the key and tag %j', (text) => {
  const all = new Names('p:v1:', () => true);
  expect(all.meaning(all.ofKey(text))).toEqual({ kind: 'key', key: text });
  expect(all.meaning(all.ofTag(text))).toEqual({ kind: 'tag', tag: text });
});

test('a value that is too large for L2 is not loaded anew by each process in turn', async () => {
  const [here, there] = [open({ maxValueBytes: 100 }), open({ maxValueBytes: 100 })];
  const touched = vi.spyOn(tier, 'write');
  const leased = tier.leases && vi.spyOn(tier.leases, 'write');
  await Promise.all([here, there].map((cache) => cache.getOrSet('a', () => large)));
  expect([here.peek('a'), there.peek('a')]).toEqual([large, large]);
  // What is not written is not touched, nor does it expire.
  expect(touched).not.toHaveBeenCalledWith(nameOf('a'), expect.anything(), expect.anything());
  expect(leased).not.toHaveBeenCalled();
});

test('a value that somebody has deleted from L2 is compared by its etag, and keeps it when it has not changed', async () => {
  const cache = open({ staleIfErrorMs: 60_000 });
  await cache.getOrSet('a', ({ setEtag }) => {
    setEtag('"v1"');
    return 'value';
  });
  await tier.delete([nameOf('a')]);
  tier.touch(nameOf('a'));
  const seen: unknown[] = [];
  const load = ({ previous }: LoadContext<string>) => {
    seen.push(previous?.etag);
    return previous?.value ?? 'another';
  };
  expect(await cache.getOrSet('a', load)).toBe('value');
  expect(seen).toEqual(['"v1"']);
  expect(cache.entry('a')?.etag).toBe('"v1"');
  const there = open();
  expect(await there.get('a')).toBe('value');
  expect(there.entry('a')?.etag).toBe('"v1"');
});

test('a fresh load whose key is touched goes on, and its value is stored', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  const row = Promise.withResolvers<string>();
  const load = vi.fn(() => row.promise);
  const loading = here.getOrSet('a', load, { fresh: true });
  await vi.waitFor(() => expect(load).toHaveBeenCalled());
  tier.touch(nameOf('a'));
  row.resolve('new');
  expect(await loading).toBe('new');
  expect(here.stats().fencedWrites).toBe(0);
  tier.touch(nameOf('a'));
  // With tracking the others learn of it too.
  expect(await Promise.all([here.get('a'), there.get('a')])).toEqual(['new', 'new']);
});

test('an expired value that its own patch has touched is still served while it is refreshed', async () => {
  const [here, there] = [open(kept), open(kept)];
  await here.set('a', 'old');
  await there.get('a');
  await here.expire('a');
  tier.touch(nameOf('a'));
  for (const cache of [here, there]) expect(cache.entry('a')?.ttlMs).toBeLessThanOrEqual(0);
  const load = vi.fn(() => 'new');
  expect(await here.getOrSet('a', load)).toBe('old');
  await vi.waitFor(() => expect(here.peek('a')).toBe('new'));
  tier.touch(nameOf('a'));
  expect(await there.getOrSet('a', broken)).toBe('new');
  expect(load).toHaveBeenCalledTimes(1);
});
