import { connect, open } from './contestants.ts';
import { keyOf, medianRatio, record, time } from './measure.ts';

const KEYS = 6000;
const CONCURRENCY = 64;
const ROUNDS = 5;

/** Misses in memory that Redis has: throughput over that of a raw `get` and JSON.parse in the same process. */
export async function l2Ratio(
  name: string,
  redisUrl: string,
  tags: readonly string[],
): Promise<number> {
  const keys = Array.from({ length: KEYS }, (_, i) => keyOf(i));
  const redis = await connect(redisUrl);
  const value = (i: number) => ({ ...record(i), bio: 'lorem ipsum dolor sit amet '.repeat(32) });
  const texts = keys.flatMap((key, i) => [`raw:${key}`, JSON.stringify(value(i))]);
  await redis.mset(...texts);
  // A busy machine must not make us miss.
  const timeoutMs = 2000;
  const filler = await open(name, redisUrl, timeoutMs);
  const fill = (key: string) =>
    filler.getOrSet(key, async () => value(keys.indexOf(key)), { tags });
  await all(keys, fill);
  await filler.close();

  const forbidden = () => Promise.reject(new Error('Redis should have had it'));
  const raw = () =>
    time(() => all(keys, async (key) => JSON.parse((await redis.get(`raw:${key}`)) ?? '')));
  const ours = async () => {
    // An empty memory, and a connection that is there.
    const fresh = await open(name, redisUrl, timeoutMs);
    await fresh.getOrSet(keyOf(0), forbidden);
    const ms = await time(() => all(keys, (key) => fresh.getOrSet(key, forbidden, { tags })));
    await fresh.close();
    return ms;
  };
  const ratio = await medianRatio(ROUNDS, ours, raw);
  redis.disconnect();
  return 1 / ratio;
}

async function all(keys: readonly string[], get: (key: string) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let key = keys[next++]; key !== undefined; key = keys[next++]) await get(key);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}
