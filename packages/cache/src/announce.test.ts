import diagnostics from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { createCache } from './layered-cache.ts';

interface Seen {
  kind: string;
  name: string;
  stats(): { loads: number };
}

function registered(): Seen[] {
  const all = Reflect.get(globalThis, Symbol.for('shopgpt.components')) as Set<WeakRef<Seen>>;
  return [...all].flatMap((ref) => ref.deref() ?? []);
}

test('a cache shows its numbers to the process until it is closed', async () => {
  const heard: unknown[] = [];
  const listen = (message: unknown) => heard.push(message);
  diagnostics.subscribe('shopgpt:component', listen);
  const cache = createCache<number>({ name: 'seen', ttlMs: 1000 });
  diagnostics.unsubscribe('shopgpt:component', listen);
  await cache.getOrSet('a', () => 1);
  const mine = registered().find(({ name }) => name === 'seen');
  expect(mine).toMatchObject({ kind: 'cache', name: 'seen' });
  expect(mine?.stats().loads).toBe(1);
  expect(heard).toEqual([mine]);
  await cache.close();
  expect(registered()).not.toContain(mine);
});
