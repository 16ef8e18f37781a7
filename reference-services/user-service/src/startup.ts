import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isTemporary } from './database/errors.ts';

export interface RetryOptions {
  readonly log: Logger;
  /** Ends the waiting: the service stops. */
  readonly signal: AbortSignal;
}

const backoff = { baseMs: 100, maxMs: 3_000 };

/**
 * Prepares the database as soon as it can be had: retries with growing pauses while it is away.
 *
 * @throws what no retry can help: wrong credentials, a missing database, migrations that disagree
 */
export async function untilPrepared(
  prepare: () => Promise<void>,
  { log, signal }: RetryOptions,
): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await prepare();
    } catch (error) {
      if (!isTemporary(error)) throw error;
      const pauseMs = pauseAfter(failures);
      log.warn({ err: error, pauseMs }, 'the database is away, trying again');
      await delay(pauseMs, undefined, { signal });
    }
  }
}

/** Doubles, up to a bound, of which a random part is waited: replicas must not return in step. */
export function pauseAfter(failures: number, random: number = Math.random()): number {
  const longestMs = Math.min(backoff.maxMs, backoff.baseMs * 2 ** failures);
  return Math.round(longestMs * (0.5 + 0.5 * random));
}
