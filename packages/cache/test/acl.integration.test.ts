import { createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

const patient = { timeout: 10_000, interval: 20 };

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('a user of %s who may see the keys and the channel of one cache only', (_name, start) => {
  const server = useServer(start, { own: true });
  let admin: Redis;
  const clients: Redis[] = [];

  beforeAll(async () => {
    admin = new Redis(server().url);
    const keys = ['~guarded:*', '~~guarded:*', '~~~guarded:*'];
    const channels = ['&guarded:*', '&__redis__:invalidate'];
    const commands = ['+@all', '-@dangerous', '+info'];
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', ...keys, ...channels, ...commands);
  });
  afterAll(() => admin.disconnect());
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });

  function connect(): Redis {
    const user = { username: 'app', password: 'secret', protocol: 2 } as const;
    const client = new Redis(server().url, user);
    clients.push(client);
    return client;
  }

  test.each([false, true])('has all of it, with tracking %s', async (tracking) => {
    const l2 = redisTier({ client: connect(), subscriber: connect(), tracking, timeoutMs: 200 });
    const options = { name: `guarded:${tracking}`, ttlMs: 60_000, staleIfErrorMs: 60_000, l2 };
    await using cache = createCache<string>(options);
    const acknowledged = { acknowledged: true };
    await vi.waitFor(
      async () => expect(await cache.set('a', 'value')).toEqual(acknowledged),
      patient,
    );
    expect(await cache.getOrSet('b', () => 'loaded', { tags: ['t'] })).toBe('loaded');
    expect(await admin.exists(`${options.name}:v1:{b}`)).toBe(1);
    expect(await cache.expire('a')).toEqual(acknowledged);
    expect(await cache.delete('a')).toEqual(acknowledged);
    expect(await cache.invalidateTags('t')).toEqual(acknowledged);
    expect(cache.stats().l2.failures).toBe(0);

    await admin.call('CLIENT', 'PAUSE', '300', 'ALL');
    await cache.get('c');
    expect(cache.stats().l2.failures).toBe(1);
    await vi.waitFor(
      async () => expect(await cache.set('a', 'value')).toEqual(acknowledged),
      patient,
    );
  });
});
