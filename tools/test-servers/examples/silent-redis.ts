import { startRedis } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';

const redis = useServer(startRedis, { own: true });

test('waits no longer than its deadline for a Redis that is silent', async () => {
  const client = new Redis(redis().url, { commandTimeout: 100 });
  await client.ping();
  await redis().pause();
  await expect(client.ping()).rejects.toThrow('Command timed out');
  await redis().resume();
  expect(await client.ping()).toBe('PONG');
  client.disconnect();
});
