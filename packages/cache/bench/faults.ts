import { setTimeout as sleep } from 'node:timers/promises';
import { open } from './contestants.ts';
import { median } from './measure.ts';

const LOADER_MS = 5;
const GIVE_UP_MS = 1000;

/**
 * How often the loader runs for 1000 callers of one missing key.
 *
 * @param start resolves when the other processes are ready too
 */
export async function stampede(
  name: string,
  redisUrl: string,
  start: () => Promise<void>,
): Promise<number> {
  const cache = await open(name, redisUrl);
  await cache.getOrSet('warm', async () => 1);
  await start();
  let loads = 0;
  const load = async () => {
    loads += 1;
    await sleep(50);
    return { id: 1 };
  };
  await Promise.all(Array.from({ length: 1000 }, () => cache.getOrSet('crowd', load)));
  await cache.close();
  return loads;
}

/**
 * What callers of keys that nobody has seen pay beyond their loader while Redis is away: the
 * median and the worst in ms, one caller every 10 ms for half a second. 1000 stand for "1 s or more".
 *
 * @param hurt takes Redis away
 */
export async function costWhileAway(name: string, redisUrl: string, hurt: () => Promise<void>) {
  process.on('unhandledRejection', () => undefined);
  const cache = await open(name, redisUrl);
  const load = async () => {
    await sleep(LOADER_MS);
    return { id: 1 };
  };
  for (let i = 0; i < 20; i += 1) await cache.getOrSet(`before:${i}`, load);
  await hurt();
  const calls: Promise<number>[] = [];
  for (let i = 0; i < 50; i += 1) {
    calls.push(costOf(cache.getOrSet(`away:${i}`, load)));
    await sleep(10);
  }
  const costs = await Promise.all(calls);
  // Its connections cannot be closed in good order: the process ends instead.
  return { median: median(costs), worst: Math.max(...costs) };
}

async function costOf(call: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  const settled = call.then(
    () => true,
    () => true,
  );
  await Promise.race([settled, sleep(GIVE_UP_MS)]);
  return performance.now() - startedAt - LOADER_MS;
}
