import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, expect, test, vi } from 'vitest';
import { useCaches } from '../test/caches.ts';
import { memoryTier } from './memory-tier.ts';
import { faultyTier, manualClock } from './testing/index.ts';

type Value = string | null | Date;

const clock = manualClock();
const { bus: _, ...busless } = memoryTier({ timeoutMs: 50 });
const tier = faultyTier(busless);

const open = useCaches<Value>({ name: 'test', ttlMs: 10_000, clock, l2: tier }, tier);

const etag = expect.stringMatching(/^"[\w-]{22}"$/);
const broken = (): Promise<Value> => Promise.reject(new Error('database is away'));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

test('finds in L2 what another process has loaded, and keeps its age', async () => {
  const [here, there] = [open(), open()];
  await here.getOrSet('a', () => 'value');
  clock.advance(400);
  expect(await there.getOrSet('a', broken)).toBe('value');
  expect(there.entry('a')).toEqual({
    value: 'value',
    ageMs: 400,
    ttlMs: 9600,
    tier: 'l2',
    tags: [],
    etag,
  });
  clock.advance(9600);
  await expect(there.getOrSet('a', broken)).rejects.toThrow('database is away');
});

test('get looks into L1 and L2 and loads nothing', async () => {
  const [here, there] = [open(), open()];
  expect(await there.get('a')).toBeUndefined();
  await here.set('a', null);
  expect(await there.get('a')).toBeNull();
  expect(there.peek('a')).toBeNull();
  expect(there.stats().l2).toMatchObject({ hits: 1, misses: 1 });
});

test('reads L2 once per turn of the loop and once per key, whoever asks', async () => {
  const [here, there] = [open(), open()];
  await Promise.all(['a', 'b', 'c'].map((key) => here.set(key, key)));
  const before = tier.calls.read;
  const asked = ['a', 'b', 'c', 'a'].flatMap((key) => [
    there.get(key),
    there.getOrSet(key, broken),
  ]);
  expect(await Promise.all(asked)).toEqual(['a', 'a', 'b', 'b', 'c', 'c', 'a', 'a']);
  expect(tier.calls.read - before).toBe(1);
});

test('asks for many keys in pieces', async () => {
  const [here, there] = [open(), open()];
  const keys = Array.from({ length: 600 }, (_, i) => `${i}`);
  await Promise.all(keys.map((key) => here.set(key, key)));
  const before = tier.calls.read;
  expect(await Promise.all(keys.map((key) => there.get(key)))).toEqual(keys);
  expect(tier.calls.read - before).toBe(2);
});

test('asks L2 again after the ttl of L1, and the loader when L2 has lost it', async () => {
  const [here, there] = [open(), open({ l1: { ttlMs: 100 } })];
  await here.set('a', 'old');
  expect(await there.get('a')).toBe('old');
  await here.set('a', 'new');
  expect(await there.get('a')).toBe('old');
  clock.advance(100);
  expect(await there.get('a')).toBe('new');
  await here.delete('a');
  clock.advance(100);
  expect(await there.getOrSet('a', () => 'loaded')).toBe('loaded');
});

test('serves what only L2 kept past its ttl when the loader fails', async () => {
  const [here, there] = [open({ staleIfErrorMs: 5000 }), open({ staleIfErrorMs: 5000 })];
  await here.set('a', 'value');
  clock.advance(12_000);
  expect(await there.get('a')).toBeUndefined();
  expect(await there.getOrSet('a', broken)).toBe('value');
  expect(there.entry('a')).toMatchObject({ ageMs: 12_000, ttlMs: -2000, tier: 'l2', tags: [] });
});

test('keeps schema versions apart', async () => {
  const [old, current] = [open({ version: 1 }), open({ version: 2 })];
  await old.set('a', 'old shape');
  expect(await current.get('a')).toBeUndefined();
});

test('takes foreign bytes for a miss, counts them, and writes over them', async () => {
  const cache = open();
  await tier.write(`${open.prefix()}{a}`, Buffer.from('{"written":"by hand"}'), 60_000);
  expect(await cache.getOrSet('a', () => 'ours')).toBe('ours');
  expect(cache.stats().l2).toMatchObject({ foreign: 1, misses: 1 });
  expect(await open().get('a')).toBe('ours');
});

test('takes an envelope whose payload cannot be decoded for a miss', async () => {
  const codec = { encode: () => Buffer.from('{not json'), decode: () => 'other' };
  await open({ codec }).set('a', 'x');
  const cache = open();
  expect(await cache.get('a')).toBeUndefined();
  expect(cache.stats().l2.foreign).toBe(1);
});

test('bears hosts whose clocks differ by 10 s, and no more', async () => {
  const ahead = manualClock();
  const other = open({ clock: ahead });
  ahead.advance(clock.wall() - ahead.wall() + 10_000);
  await other.set('a', 'from the future');
  const there = open();
  expect(await there.get('a')).toBe('from the future');
  expect(there.entry('a')?.ageMs).toBe(0);
  ahead.advance(1);
  await other.set('b', 'from too far');
  expect(await open().get('b')).toBeUndefined();
});

test('refuses a value that L2 would change, also while L2 is away', async () => {
  const cache = open();
  const refused = { code: 'ERR_CACHE_NOT_CACHEABLE', path: 'value' };
  await expect(cache.set('a', new Date())).rejects.toMatchObject(refused);
  await expect(cache.getOrSet('a', () => new Date())).rejects.toMatchObject(refused);
  tier.disconnect();
  await expect(cache.getOrSet('a', () => new Date())).rejects.toMatchObject(refused);
  expect(cache.peek('a')).toBeUndefined();
});

test('a read of L2 that a delete or a set overtook is not kept', async () => {
  const [here, there] = [open(), open()];
  await here.set('a', 'old');
  tier.hang();
  const read = there.get('a');
  await turn();
  await turn();
  const deleted = there.delete('a');
  tier.heal();
  expect(await read).toBe('old');
  await deleted;
  expect(there.peek('a')).toBeUndefined();
  expect(await there.get('a')).toBeUndefined();
});
