import { expect, test } from 'vitest';
import { deepFreeze } from './freeze.ts';
import { createCache } from './layered-cache.ts';
import { memoryTier } from './memory-tier.ts';

interface Order {
  items: { price: number }[];
}

const order = (): Order => ({ items: [{ price: 1 }] });

test('freezes plain objects and arrays, however deep, also in what was frozen before', () => {
  const value = Object.freeze({ list: [{ a: { b: 1 } }], none: null, text: 'x' });
  deepFreeze(value);
  expect([value.list, value.list[0], value.list[0]?.a].every(Object.isFrozen)).toBe(true);
});

test('leaves alone what freezing breaks or does not protect, and comes to an end', () => {
  class Row {
    id = 1;
  }
  const row = new Row();
  const bytes = Uint8Array.of(1);
  const circle: { self?: object; row: Row; bytes: Uint8Array; map: Map<string, object> } = {
    row,
    bytes,
    map: new Map([['a', {}]]),
  };
  circle.self = circle;
  let calls = 0;
  Object.defineProperty(circle, 'getter', { enumerable: true, get: () => (calls += 1) });
  deepFreeze(circle);
  expect(Object.isFrozen(circle)).toBe(true);
  for (const other of [row, bytes, circle.map]) expect(Object.isFrozen(other)).toBe(false);
  expect(calls).toBe(0);
});

test('a caller who changes a value that was loaded, set or found gets a TypeError', async () => {
  const l2 = memoryTier();
  const options = { name: 'order', ttlMs: 60_000, l2, freeze: true };
  await using cache = createCache<Order>(options);
  await using other = createCache<Order>(options);
  const loaded = await cache.getOrSet('a', order);
  const set = order();
  await cache.set('b', set);
  const found = await other.get('a');
  for (const value of [loaded, set, found]) {
    expect(() => {
      for (const item of value?.items ?? []) item.price = 2;
    }).toThrow(TypeError);
    expect(() => value?.items.push({ price: 3 })).toThrow(TypeError);
  }
});

test('nothing is frozen by default, nor what the loader does not want stored', async () => {
  await using cache = createCache<Order>({ name: 'order', ttlMs: 60_000 });
  expect(Object.isFrozen(await cache.getOrSet('a', order))).toBe(false);
  await using freezing = createCache<Order>({ name: 'order', ttlMs: 60_000, freeze: true });
  const skipped = await freezing.getOrSet('a', ({ skip }) => {
    skip();
    return order();
  });
  expect(Object.isFrozen(skipped)).toBe(false);
});
