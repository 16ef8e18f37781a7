import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { startRedis } from '../src/redis.ts';
import { startValkey } from '../src/valkey.ts';
import { useServer } from '../src/vitest.ts';

describe.each([
  { name: 'Redis', start: startRedis },
  { name: 'Valkey', start: startValkey },
])('$name', ({ start }) => {
  const server = useServer(start, { own: true });

  test('answers, and listens on loopback', async () => {
    const client = new Redis(server().url);
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });
  test('times out while paused, then answers', async () => {
    const client = new Redis(server().url);
    await client.ping();
    await server().pause();
    const answer = client.ping();
    expect(await Promise.race([answer, sleep(200, 'silence')])).toBe('silence');
    await server().resume();
    expect(await answer).toBe('PONG');
    client.disconnect();
  });
  test('is gone when killed, and back on the same port', async () => {
    await server().kill();
    const client = new Redis(server().url, { lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => undefined);
    await expect(client.connect()).rejects.toThrow();
    await server().restart();
    await client.connect();
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });
});
