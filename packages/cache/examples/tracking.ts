import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { Redis } from 'ioredis';

const client = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
const subscriber = client.duplicate({ protocol: 2 });
const prices = createCache<number>({
  name: 'price',
  ttlMs: 300_000,
  l2: redisTier({ client, subscriber, tracking: true }),
});
await prices.getOrSet('lamp', () => 19);

// A service in another language, after it has changed the price in the database.
const somebodyElse = client.duplicate();
await somebodyElse.del('price:v1:{lamp}', '~price:v1:{lamp}');

while (prices.peek('lamp') !== undefined) await sleep(1);
console.log(await prices.getOrSet('lamp', () => 21));

await prices.close();
for (const connection of [client, subscriber, somebodyElse]) connection.disconnect();
