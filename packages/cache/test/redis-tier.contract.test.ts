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

  beforeAll(async () => {
    client = new Redis(server().url, { lazyConnect: true });
    await client.connect();
  });
  afterAll(() => client.disconnect());

  tierContract(test, () => redisTier({ client, timeoutMs: 1000 }), { leases: true });

  test('a key that holds something else than a string has no value', async () => {
    await client.hset('contract:{hash}', 'field', 'value');
    expect(await redisTier({ client }).read(['contract:{hash}'])).toEqual([undefined]);
  });

  test('listens once for errors of a client, however many caches share it', () => {
    const shared = new Redis({ lazyConnect: true });
    for (let i = 0; i < 20; i += 1) redisTier({ client: shared });
    expect(shared.listenerCount('error')).toBe(1);
  });

  test('is not ready while the client is not connected', async () => {
    const away = new Redis(server().url, { lazyConnect: true });
    expect(redisTier({ client: away }).isReady()).toBe(false);
    away.disconnect();
  });
});

test('redisTier refuses a client that is none, and a deadline that is none', () => {
  expect(() => redisTier({ client: {} as never })).toThrow('client must have getBuffer()');
  const client = new Redis({ lazyConnect: true });
  expect(() => redisTier({ client, timeoutMs: 0 })).toThrow('timeoutMs must be a positive integer');
});
