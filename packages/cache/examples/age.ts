import { type Cache, createCache } from '@shopgpt/cache';

/** Headers that say how old an answer is and where it came from (RFC 9111, RFC 9211). */
async function answer(cache: Cache<string>, key: string, load: () => Promise<string>) {
  const hit = cache.peek(key) !== undefined;
  const body = await cache.getOrSet(key, load);
  const entry = cache.entry(key);
  const ageS = Math.floor((entry?.ageMs ?? 0) / 1000);
  const ttlS = Math.floor((entry?.ttlMs ?? 0) / 1000);
  const found = hit || entry?.tier === 'l2' ? 'hit' : 'fwd=miss';
  return { body, headers: { Age: `${ageS}`, 'Cache-Status': `users; ${found}; ttl=${ttlS}` } };
}

const cache = createCache<string>({ name: 'age', ttlMs: 10_000 });
console.log((await answer(cache, 'u1', async () => 'Ada')).headers['Cache-Status']);
console.log((await answer(cache, 'u1', async () => 'Ada')).headers['Cache-Status']);
await cache.close();
