// Loads many large values at once into a cache with little room, and says what memory that took.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createCache } from '@shopgpt/cache';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const [values = 0, valueBytes = 0, maxBytes = 0] = process.argv.slice(2).map(Number);
const cache = createCache<object>({ name: 'burst', ttlMs: 600_000, l1: { maxBytes } });

/** A row with texts of its own, which take one byte a character. */
const row = (i: number) => ({ texts: Array.from({ length: 10 }, (_, k) => text(i * 10 + k)) });
const text = (i: number) => Buffer.alloc(valueBytes / 10, `${i},`).toString('latin1');

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const before = heapBytes();
let peakBytes = 0;
for (let i = 0; i < values; i += 100) {
  const burst = Array.from({ length: 100 }, (_, k) => cache.getOrSet(`${i + k}`, () => row(i + k)));
  await Promise.all(burst);
  burst.length = 0;
  // Callers have gone: what is left is what the cache keeps.
  await new Promise((resolve) => setImmediate(resolve));
  peakBytes = Math.max(peakBytes, heapBytes() - before);
}
const { entries, bytes } = cache.stats().l1;
process.stdout.write(JSON.stringify({ entries, bytes, peakBytes }));
