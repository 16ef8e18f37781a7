import { createCache } from '@shopgpt/cache';

const users = createCache<string>({ name: 'user', ttlMs: 20, staleIfErrorMs: 60_000 });

await users.getOrSet('u1', () => 'Ada');
await new Promise((resolve) => setTimeout(resolve, 60));

// Its ttl is over and the database is away: the value that is known is served.
const name = await users.getOrSet('u1', async () => {
  throw new Error('the database is away');
});
const entry = users.entry('u1');
console.log(name, (entry?.ttlMs ?? 0) <= 0 ? 'stale' : 'fresh', users.stats().staleServed);

await users.close();
