import { Redis } from 'ioredis';
import type { Logger } from 'pino';

/**
 * A connection to the shared Redis that nobody waits for: it connects in the background, comes back by itself, and
 * refuses commands at once while it is away.
 */
export function connectRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    connectTimeout: 1_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(2_000, 50 * 2 ** attempt),
    // A server that holds its connections and answers nothing is given up, so that a new connection is tried.
    socketTimeout: 2_000,
  });
  let isUp: boolean | undefined;
  redis.on('ready', () => {
    isUp = true;
    log.info('connected to Redis');
  });
  // One line for an outage, not one for each attempt.
  redis.on('error', (err) => {
    if (isUp !== false) log.warn({ err }, 'Redis is away');
    isUp = false;
  });
  return redis;
}
