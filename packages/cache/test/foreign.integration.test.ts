import { createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { random } from './checker/random.ts';
import { say } from './faults/fleet.ts';

interface OldShape {
  readonly name: string;
}
interface NewShape {
  readonly first: string;
  readonly last: string;
}

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('values of others on %s', (name, start) => {
  const server = useServer(start, { own: true });
  let client: Redis;

  const open = <V>(version: number) =>
    createCache<V>({
      name: 'users',
      version,
      ttlMs: 60_000,
      l2: redisTier({ client, timeoutMs: 1000 }),
    });

  beforeAll(async () => {
    client = new Redis(server().url, { lazyConnect: true });
    await client.connect();
  });
  afterAll(() => client.disconnect());

  test('two schema versions at once, as in a rolling deployment, never see each other', async () => {
    await using before = open<OldShape>(1);
    await using after = open<NewShape>(2);
    const keys = Array.from({ length: 200 }, (_, i) => `u${i}`);
    let mixed = 0;
    for (const key of keys) {
      await before.getOrSet(key, () => ({ name: 'Ada Lovelace' }));
      const user = await after.getOrSet(key, () => ({ first: 'Ada', last: 'Lovelace' }));
      await before.set(key, { name: 'Ada King' });
      await using reader = open<NewShape>(2);
      if (!('first' in user) || (await reader.get(key))?.last !== 'Lovelace') mixed += 1;
    }
    const { foreign } = after.stats().l2;
    say(`schema versions on ${name}`, { keys: keys.length, mixed, foreign });
    expect({ mixed, foreign }).toEqual({ mixed: 0, foreign: 0 });
  });

  test('what is damaged, cut off, empty or from another envelope is loaded anew and replaced', async () => {
    await using writer = open<OldShape>(1);
    await writer.set('good', { name: 'Ada' });
    const good = await client.getBuffer('users:v1:{good}');
    const dice = random(7);
    const flipped = Array.from({ length: 100 }, () => {
      const bytes = Buffer.from(good ?? '');
      // The magic, the version or the flags.
      const at = [0, 1, 2, 11][Math.floor(dice() * 4)] ?? 0;
      bytes[at] = (bytes[at] ?? 0) ^ (2 + Math.floor(dice() * 254));
      return bytes;
    });
    const cut = Array.from({ length: (good?.length ?? 1) - 1 }, (_, i) => good?.subarray(0, i));
    const other = [Buffer.from('{"name":"Bob"}'), Buffer.alloc(10_000), Buffer.from([0xf5, 0xca])];
    const all = [...flipped, ...cut, ...other].map((bytes) => bytes ?? Buffer.of());
    let replaced = 0;
    await using reader = open<OldShape>(1);
    for (const [i, bytes] of all.entries()) {
      await client.set(`users:v1:{bad${i}}`, bytes, 'PX', 60_000);
      expect(await reader.getOrSet(`bad${i}`, () => ({ name: 'Eve' }))).toEqual({ name: 'Eve' });
      await using later = open<OldShape>(1);
      if ((await later.get(`bad${i}`))?.name === 'Eve') replaced += 1;
    }
    const { foreign, failures } = reader.stats().l2;
    say(`damaged values on ${name}`, { damaged: all.length, replaced, foreign, failures });
    expect({ replaced, failures }).toEqual({ replaced: all.length, failures: 0 });
    // Redis cannot hold an empty string apart from none in all its answers.
    expect(foreign).toBeGreaterThanOrEqual(all.length - 1);
  });
});
