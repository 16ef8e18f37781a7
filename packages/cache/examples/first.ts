import { createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { Redis } from 'ioredis';

interface Product {
  readonly id: string;
  readonly name: string;
}

const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
const subscriber = redis.duplicate();
const products = createCache<Product>({
  name: 'product',
  ttlMs: 300_000,
  staleIfErrorMs: 3_600_000,
  l1: { maxEntries: 10_000, ttlMs: 60_000 },
  l2: redisTier({ client: redis, subscriber }),
});

// However many ask at once, it is loaded once.
const product = await products.getOrSet('p1', async ({ key, signal }) => {
  const response = await fetch(`data:application/json,{"id":"${key}","name":"Lamp"}`, { signal });
  return (await response.json()) as Product;
});
console.log(product.name, products.peek('p1') === product);

// After you changed it where it is kept: no process serves the old one any more.
await products.delete('p1');

await products.close();
redis.disconnect();
subscriber.disconnect();
