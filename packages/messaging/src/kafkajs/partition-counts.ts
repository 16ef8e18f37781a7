import type { Clock } from '../clock.ts';
import { DriverError, UnknownTopicError } from '../errors.ts';
import type { Network } from './network.ts';
import { sleep } from './within.ts';

/** How long the cluster may take to say how many partitions a topic has. */
const askMs = 10_000;
const retryMs = 50;
const maxRetryMs = 1_000;

/**
 * Asks until the cluster says how many partitions a topic has.
 *
 * @param ended aborted when nobody needs it any more; its reason is thrown
 * @throws UnknownTopicError when there is no such topic; DriverError when nobody says in time
 */
export async function askForPartitions(
  network: Network,
  clock: Clock,
  topic: string,
  ended: AbortSignal,
): Promise<number> {
  const endMs = clock.now() + askMs;
  let cause: unknown;
  network.watch(topic);
  for (let waitMs = retryMs; clock.now() < endMs; waitMs = Math.min(2 * waitMs, maxRetryMs)) {
    ended.throwIfAborted();
    await network.refresh().catch((error: DriverError) => {
      if (!error.isRetriable) throw error;
      cause = error;
    });
    const count = network.partitionsOf(topic);
    if (count > 0) return count;
    if (network.isMissing(topic)) {
      network.forget(topic);
      throw new UnknownTopicError(topic);
    }
    await sleep(clock, waitMs, ended);
  }
  throw new DriverError(`the cluster did not say in time how many partitions ${topic} has`, {
    isRetriable: true,
    cause,
  });
}
