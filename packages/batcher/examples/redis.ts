import { createBatcher } from '@shopgpt/batcher';
import { Redis } from 'ioredis';

const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');

const values = createBatcher<string, string | null>({
  name: 'redis-mget',
  maxSize: 500,
  dedupeKey: (key) => key,
  process: (keys) => redis.mget(...keys),
});

await redis.mset('example:a', '1', 'example:b', '2');
console.log(
  await Promise.all(['example:b', 'example:none', 'example:a'].map((key) => values.add(key))),
);

await values.close();
redis.disconnect();
