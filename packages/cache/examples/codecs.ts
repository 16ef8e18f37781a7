import { randomBytes } from 'node:crypto';
import { compressed, createCache, encrypted, json, memoryTier } from '@shopgpt/cache';

// In a service they come from where it keeps its secrets.
const keys = { '2026-10': randomBytes(32), '2026-11': randomBytes(32) };

const users = createCache<{ name: string }>({
  name: 'user',
  ttlMs: 60_000,
  l2: memoryTier(),
  codec: encrypted(compressed(json()), { current: '2026-11', keys }),
});
await users.set('u1', { name: 'Ada' });
console.log(await users.get('u1'));

await users.close();
