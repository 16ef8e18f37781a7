export { type Browser, findChromium } from './chromium.ts';
export { NotOursError, ServerUnavailableError } from './errors.ts';
export { type PostgresOptions, startPostgres } from './postgres.ts';
export { type FaultProxy, type ProxyOptions, startProxy } from './proxy.ts';
export { startRedis } from './redis.ts';
export { type RedisCluster, startRedisCluster } from './redis-cluster.ts';
export type { RedisOptions } from './redis-like.ts';
export type { StartOptions, TestServer } from './server.ts';
export { startValkey } from './valkey.ts';
