import { setTimeout as delay } from 'node:timers/promises';
import { isTemporary } from './database/errors.ts';

export interface RetryOptions {
  /** Ends the waiting: the service stops. */
  readonly signal: AbortSignal;
  /** Told of every attempt that found the database away, and of the pause before the next. */
  readonly onAway: (error: unknown, pauseMs: number) => void;
  /** For tests. Default: waits, until the signal. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const backoff = { baseMs: 100, maxMs: 3_000 };

/**
 * Prepares the database as soon as it can be had: retries with growing pauses while it is away.
 *
 * @throws what no retry can help: wrong credentials, a missing database, migrations that disagree
 */
export async function untilPrepared(
  prepare: () => Promise<void>,
  { signal, onAway, pause = wait }: RetryOptions,
): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await prepare();
    } catch (error) {
      if (!isTemporary(error)) throw error;
      const pauseMs = pauseAfter(failures, Math.random());
      onAway(error, pauseMs);
      await pause(pauseMs, signal);
    }
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal });
}

/** Doubles up to a bound, of which a random part is waited: replicas must not come back in step. */
export function pauseAfter(failures: number, random: number, maxMs = backoff.maxMs): number {
  const longestMs = Math.min(maxMs, backoff.baseMs * 2 ** failures);
  return Math.round(longestMs * (0.5 + 0.5 * random));
}
