import { type Binary, findBinary, onThisMachine } from './find.ts';
import { fromDebianPackage, fromSystemPackage } from './install.ts';
import { type RedisOptions, startRedisLike } from './redis-like.ts';
import type { TestServer } from './server.ts';

const machine = onThisMachine(
  ['redis-server'],
  (text) => Number(/Redis server v=(\d+)/.exec(text)?.[1]) >= 7,
);

export function findRedis(): Promise<Binary> {
  return findBinary(
    'Redis',
    [
      machine,
      fromDebianPackage('redis-server', 'usr/bin/redis-server'),
      fromSystemPackage('redis-server', machine),
    ],
    'Install Redis 7 or newer, or set TEST_REDIS_URL to one that is there.',
  );
}

/**
 * Redis 7 or newer.
 *
 * @throws ServerUnavailableError when there is none and none can be had
 */
export function startRedis(options: RedisOptions = {}): Promise<TestServer> {
  const kind = { name: 'Redis', variable: 'TEST_REDIS_URL', versionField: 'redis_version' };
  return startRedisLike({ ...kind, find: findRedis }, options);
}
