import { Redis } from 'ioredis';
import type { Logger } from 'pino';

/**
 * A connection to the shared Redis that nobody waits for: it is made in the background and comes back by itself. Who
 * sends a command has a deadline of his own.
 */
export function connectRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    connectTimeout: 1_000,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(2_000, 50 * 2 ** attempt),
    // A connection that went dead without a word is given up, so that a new one is made.
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
