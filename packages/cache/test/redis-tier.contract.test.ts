import { redisTier } from '@shopgpt/cache/redis';
import { tierContract } from '@shopgpt/cache/testing';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('on %s', (_name, start) => {
  const server = useServer(start);
  let client: Redis;
  let subscriber: Redis;

  beforeAll(async () => {
    client = new Redis(server().url, { lazyConnect: true });
    await client.connect();
    subscriber = client.duplicate();
  });
  afterAll(() => {
    client.disconnect();
    subscriber.disconnect();
  });

  tierContract(test, () => redisTier({ client, subscriber, timeoutMs: 1000 }), {
    leases: true,
    patch: true,
    bus: true,
  });

  test('a key that holds something else than a string has no value', async () => {
    await client.hset('contract:{hash}', 'field', 'value');
    expect(await redisTier({ client }).read(['contract:{hash}'])).toEqual([undefined]);
  });

  test('listens once for errors of a client, however many caches share it', () => {
    const shared = new Redis({ lazyConnect: true });
    for (let i = 0; i < 20; i += 1) redisTier({ client: shared });
    expect(shared.listenerCount('error')).toBe(1);
  });

  test('is not ready while the client has no connection', async () => {
    const away = new Redis(1, '127.0.0.1');
    expect(redisTier({ client: away }).isReady()).toBe(false);
    away.disconnect();
  });

  test('makes a client connect that waits for its first command', async () => {
    const lazy = new Redis(server().url, { lazyConnect: true });
    const tier = redisTier({ client: lazy });
    expect(tier.isReady()).toBe(true);
    expect(await tier.read(['contract:{absent}'])).toEqual([undefined]);
    lazy.disconnect();
  });
});

test('redisTier refuses a client that is none, and a deadline that is none', () => {
  expect(() => redisTier({ client: {} as never })).toThrow('client must have getBuffer()');
  const client = new Redis({ lazyConnect: true });
  expect(() => redisTier({ client, timeoutMs: 0 })).toThrow('timeoutMs must be a positive integer');
});
