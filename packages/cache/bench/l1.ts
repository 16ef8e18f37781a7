import { LRUCache } from 'lru-cache';
import { createCache } from '../src/index.ts';
import { open } from './contestants.ts';
import { cpuTime, keyOf, medianRatio, record, time } from './measure.ts';

/** The processor's time is counted in steps of 4 ms: a round must be long beside that. */
const CALLS = 3_000_000;
/** A round of something slow need not be longer than this, in ms. */
const ROUND_MS = 200;
const ROUNDS = 11;
/** Entries that fit into a memory with much room. */
const ROOMY = 200_000;

type Use = (value: unknown) => void;

/** Awaited hits in memory at random keys: their time over that of a raw `lru-cache.get` in the same process. */
export async function awaitedRatio(
  name: string,
  redisUrl: string,
  keyCount: number,
): Promise<number> {
  const { keys, order, raw, use } = setUp(keyCount);
  const cache = await open(name, redisUrl);
  const load = async () => record(1);
  for (let i = 0; i < keys.length; i += 500) {
    await Promise.all(keys.slice(i, i + 500).map((key) => cache.getOrSet(key, load)));
  }
  const round = (calls: readonly string[]) => async () => {
    for (const key of calls) use(await cache.getOrSet(key, load));
  };
  const pilot = order.slice(0, 10_000);
  const enough = Math.ceil((ROUND_MS / (await time(round(pilot)))) * pilot.length);
  const calls = order.slice(0, enough);
  const scale = order.length / calls.length;
  const ratio = await medianRatio(ROUNDS, async () => scale * (await cpuTime(round(calls))), raw);
  await cache.close();
  return ratio;
}

/** The same for `peek`, in a memory with much room or with none. */
export async function peekRatio(keyCount: number, maxEntries: number = ROOMY): Promise<number> {
  const { keys, order, raw, use } = setUp(keyCount, maxEntries);
  return medianRatio(ROUNDS, await peeks(keys, order, { maxEntries, tagCount: 0 }, use), raw);
}

/** `peek` of entries with three tags each over `peek` of entries without. */
export async function taggedPeekRatio(keyCount: number): Promise<number> {
  const { keys, order, use } = setUp(keyCount);
  const tagged = await peeks(keys, order, { maxEntries: ROOMY, tagCount: 3 }, use);
  const plain = await peeks(keys, order, { maxEntries: ROOMY, tagCount: 0 }, use);
  return medianRatio(ROUNDS, tagged, plain);
}

async function peeks(
  keys: readonly string[],
  order: readonly string[],
  { maxEntries, tagCount }: { readonly maxEntries: number; readonly tagCount: number },
  use: Use,
): Promise<() => Promise<number>> {
  const cache = createCache<unknown>({ name: 'peek', ttlMs: 600_000, l1: { maxEntries } });
  const tagsOf = (i: number) => Array.from({ length: tagCount }, (_, t) => `tag:${t}:${i % 100}`);
  for (const [i, key] of keys.entries()) await cache.set(key, record(i), { tags: tagsOf(i) });
  return () =>
    cpuTime(() => {
      for (const key of order) use(cache.peek(key));
    });
}

/** Milliseconds to invalidate one tag that a million entries have. */
export async function invalidateMs(): Promise<number> {
  const count = 1_000_000;
  const cache = createCache<number>({ name: 'tags', ttlMs: 600_000, l1: { maxEntries: count } });
  for (let i = 0; i < count; i += 1) await cache.set(keyOf(i), i, { tags: ['all'] });
  const ms = await time(() => cache.invalidateTags('all'));
  if (cache.peek(keyOf(count - 1)) !== undefined) throw new Error('it is still there');
  return ms;
}

function setUp(keyCount: number, maxEntries: number = ROOMY) {
  const keys = Array.from({ length: keyCount }, (_, i) => keyOf(i));
  const order = randomOrder(keys);
  const memory = new LRUCache<string, object>({ max: maxEntries });
  for (const [i, key] of keys.entries()) memory.set(key, record(i));
  let sum = 0;
  const use: Use = (value) => {
    sum += (value as { id: number }).id;
  };
  const gets = () => {
    for (const key of order) use(memory.get(key));
    if (Number.isNaN(sum)) throw new Error('a value was not there');
  };
  return { keys, order, use, raw: () => cpuTime(gets) };
}

function randomOrder(keys: readonly string[]): string[] {
  let seed = 42;
  return Array.from({ length: CALLS }, () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return keys[seed % keys.length] ?? '';
  });
}
