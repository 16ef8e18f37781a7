import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  findChromium,
  startPostgres,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
  startValkey,
} from '../src/index.ts';
import { useServer } from '../src/vitest.ts';

const redis = useServer(startRedis, { own: true });
const valkey = useServer(startValkey, { own: true });
const postgres = useServer(startPostgres, { own: true });
const cluster = useServer(startRedisCluster, { own: true });
const sentinel = useServer(startRedisSentinel, { own: true });
afterEach(() => {
  vi.unstubAllEnvs();
});

describe.each([
  { variable: 'TEST_REDIS_URL', start: startRedis, there: redis },
  { variable: 'TEST_VALKEY_URL', start: startValkey, there: valkey },
  { variable: 'TEST_POSTGRES_URL', start: startPostgres, there: postgres },
  { variable: 'TEST_REDIS_CLUSTER_URL', start: startRedisCluster, there: cluster },
  { variable: 'TEST_REDIS_SENTINEL_URL', start: startRedisSentinel, there: sentinel },
])('$variable', ({ variable, start, there }) => {
  test('comes first, and its server is used but not harmed', async () => {
    vi.stubEnv(variable, there().url);
    const server = await start();
    expect(server).toMatchObject({
      ...{ name: there().name, version: there().version, url: there().url },
      ...{ found: variable, pid: undefined },
    });
    for (const fault of ['kill', 'pause', 'resume', 'restart'] as const) {
      await expect(server[fault]()).rejects.toMatchObject({
        code: 'ERR_TEST_SERVERS_NOT_OURS',
        message: expect.stringContaining(variable),
      });
    }
    await server.stop();
    await expect(start()).resolves.toMatchObject({ found: variable });
  });

  test('is ignored where a test needs a server of its own', async () => {
    vi.stubEnv(variable, 'redis://127.0.0.1:1');
    const server = await start({ own: true });
    expect(server.pid).toBeGreaterThan(0);
    await server.stop();
  });

  test('that leads to nothing is told, and nothing else is tried', async () => {
    const scheme = variable === 'TEST_POSTGRES_URL' ? 'postgres' : 'redis';
    vi.stubEnv(variable, `${scheme}://127.0.0.1:1`);
    await expect(start()).rejects.toMatchObject({
      code: 'ERR_TEST_SERVERS_UNAVAILABLE',
      message: expect.stringContaining(variable),
    });
  });
});

test('TEST_CHROMIUM names the browser', async () => {
  vi.stubEnv('TEST_CHROMIUM', process.execPath);
  expect(await findChromium()).toMatchObject({ file: process.execPath, found: 'TEST_CHROMIUM' });
});
