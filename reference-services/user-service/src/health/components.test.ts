import { createBreaker } from '@shopgpt/breaker';
import { createCache } from '@shopgpt/cache';
import { expect, test } from 'vitest';
import { componentNumbers } from './components.ts';

test('finds the numbers of every cache and breaker of the process', async () => {
  const breaker = createBreaker({ name: 'b' });
  const cache = createCache<number>({ name: 'c', ttlMs: 1_000 });
  await breaker.execute(() => cache.getOrSet('key', () => 5));
  expect(componentNumbers()).toMatchObject([
    { kind: 'breaker', name: 'b', stats: { admitted: 1, successes: 1 } },
    { kind: 'cache', name: 'c', stats: { loads: 1 } },
  ]);
  await cache.close();
  expect(componentNumbers()).toMatchObject([{ kind: 'breaker' }]);
});
