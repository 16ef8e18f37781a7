// Uses ever new keys in every way there is, round after round, and says how the heap grew meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createCache, memoryTier } from '@shopgpt/cache';
import { faultyTier } from '@shopgpt/cache/testing';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const [rounds = 0, keysPerRound = 0] = process.argv.slice(2).map(Number);
const l2 = faultyTier(memoryTier({ maxEntries: 500, timeoutMs: 10_000 }));
const cache = createCache<string>({
  ...{ name: 'growth', ttlMs: 600_000, negativeTtlMs: 600_000, errorTtlMs: 600_000, l2 },
  l1: { maxEntries: 500 },
});

const settle = (calls: Iterable<Promise<unknown>>) => Promise.allSettled(calls);
/** Some are so long that their names in L2 are hashes. */
const keysOf = (round: number, what: string) =>
  Array.from({ length: keysPerRound }, (_, i) =>
    `${what} ${round} ${i}`.padEnd(i % 2 === 0 ? 0 : 250, 'x'),
  );

async function useNewKeys(round: number): Promise<void> {
  await cache.getMany(keysOf(round, 'loaded'), (keys) => new Map(keys.map((key) => [key, key])));
  await cache.getMany(keysOf(round, 'absent'), () => new Map());
  const fails = () => Promise.reject(new Error('no'));
  await settle(keysOf(round, 'failed').map((key) => cache.getOrSet(key, fails)));
  await settle(keysOf(round, 'set').map((key) => cache.set(key, key)));
  await settle(keysOf(round, 'deleted').map((key) => cache.delete(key)));
  await settle(keysOf(round, 'expired').map((key) => cache.expire(key)));
  await settle(keysOf(round, 'left').map((key) => leave(key)));
  if (round % 4 > 0) return;
  l2.disconnect();
  await settle(keysOf(round, 'waits').map((key) => cache.delete(key)));
  l2.heal();
  while (cache.stats().l2.waitingDeletes > 0) await sleep(20);
}

function leave(key: string): Promise<unknown> {
  const controller = new AbortController();
  const left = cache.getOrSet(key, () => sleep(1, key), { signal: controller.signal });
  controller.abort();
  return left;
}

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

// The first rounds also bring in code and make room in maps.
for (let round = 0; round < rounds; round += 1) await useNewKeys(round);
const before = heapBytes();
for (let round = rounds; round < 3 * rounds; round += 1) await useNewKeys(round);
const grownBytes = heapBytes() - before;
const { l1, abandonedLoads } = cache.stats();
process.stdout.write(JSON.stringify({ grownBytes, entries: l1.entries, abandonedLoads }));
await cache.close();
