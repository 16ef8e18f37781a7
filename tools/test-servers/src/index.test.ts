import { expect, test } from 'vitest';
import * as door from './index.ts';
import * as forVitest from './vitest.ts';

test('the doors export what they say', () => {
  expect(Object.keys(door).sort()).toEqual([
    'NotOursError',
    'ServerUnavailableError',
    'findChromium',
    'startKafka',
    'startKafkaCluster',
    'startNginx',
    'startOpenSearch',
    'startPgBouncer',
    'startPostgres',
    'startProxy',
    'startRedis',
    'startRedisCluster',
    'startRedisSentinel',
    'startValkey',
  ]);
  expect(Object.keys(forVitest)).toEqual(['useServer']);
});

test('a server that cannot be had is an answer with facts', () => {
  const error = new door.ServerUnavailableError('Redis', ['here', 'there'], 'Install it.');
  expect(error).toMatchObject({
    code: 'ERR_TEST_SERVERS_UNAVAILABLE',
    server: 'Redis',
    tried: ['here', 'there'],
    message: 'Redis is not available. Tried: here; there. Install it.',
  });
});
