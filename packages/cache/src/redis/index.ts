import { checkDelay, checkMethods } from '../check.ts';
import type { Tier, TierBus, TierLeases } from '../tier.ts';
import { hearErrors, type RedisClient, run, toBuffer } from './client.ts';
import { hubOf, type RedisSubscriber } from './hub.ts';
import { leaseOf } from './names.ts';
import * as scripts from './scripts.ts';
import { type Tracker, trackerOf } from './tracker.ts';
import { endOf, scriptedWrites, trackedWrites, type Writes } from './writes.ts';

export type { RedisClient } from './client.ts';
export type { RedisSubscriber } from './hub.ts';

/** How `redisTier` uses its client. */
export interface RedisTierOptions {
  /** Yours: it is never opened or closed here. Reads must not be sent to replicas. */
  readonly client: RedisClient;
  /**
   * A second connection, which does nothing else: `client.duplicate()`. With it, processes tell each
   * other what they delete and set, and L1 forgets it at once. In a Cluster a connection to one node.
   */
  readonly subscriber?: RedisSubscriber;
  /** How long one operation may take, in ms. Default 50. The client's own timeouts are not relied upon. */
  readonly timeoutMs?: number;
  /**
   * Whether L1 also hears what others than these caches do to their keys: `redis-cli`, another
   * language, expiry, eviction, FLUSHALL. Needs a subscriber that speaks RESP2,
   * `client.duplicate({ protocol: 2 })`, and a client of one Redis, not of a Cluster, without `enableAutoPipelining`. Every value
   * that is written by another process is then read from Redis once more before L1 serves it.
   * Default false.
   */
  readonly tracking?: boolean;
}

/**
 * Redis 7 or later, or Valkey, as L2. While it is away the cache goes on without it, and an `error`
 * event of the client no longer goes unheard: it shows in the numbers of the cache instead.
 *
 * @throws TypeError or RangeError that names the option and its value
 */
export function redisTier(options: RedisTierOptions): Tier {
  const { client, subscriber, timeoutMs = 50 } = options;
  checkMethods('client', client, [
    'getBuffer',
    'mgetBuffer',
    'unlink',
    'evalBuffer',
    'evalshaBuffer',
    'on',
  ]);
  if (subscriber)
    checkMethods('subscriber', subscriber, ['subscribe', 'unsubscribe', 'ping', 'on']);
  checkDelay('timeoutMs', timeoutMs);
  const tracker = trackerFor(options);
  const writes = tracker ? trackedWrites(client) : scriptedWrites(client);
  hearErrors(client);
  return {
    name: 'redis',
    timeoutMs,
    // A client that waits for its first command (`lazyConnect`) needs one to connect.
    isReady: () => client.status === 'ready' || client.status === 'wait',
    async read(keys) {
      const values = await readAll(client, keys);
      return values.map((value) => value ?? undefined);
    },
    write: writes.write,
    async delete(keys) {
      if (client.isCluster) await Promise.all(keys.map((key) => client.unlink(key, leaseOf(key))));
      else await client.unlink(...keys, ...keys.map(leaseOf));
    },
    async patch(key, head, next, ttlMs) {
      const args = [toBuffer(head), toBuffer(next), ttlMs];
      await run(client, scripts.patch, [key, leaseOf(key)], args);
    },
    leases: redisLeases(client, writes),
    ...(subscriber && { bus: redisBus(client, subscriber, tracker) }),
  };
}

function trackerFor({ client, subscriber, tracking }: RedisTierOptions): Tracker | undefined {
  if (!tracking) return undefined;
  if (!subscriber) throw new TypeError('tracking needs a subscriber');
  if (client.isCluster || subscriber.isCluster)
    throw new TypeError('tracking needs a client of one Redis, and client is one of a Cluster');
  checkMethods('client', client, ['multi', 'client', 'info']);
  checkMethods('subscriber', subscriber, ['client', 'info']);
  // Transactions overtake what waits for the next pipeline.
  if (client.options?.enableAutoPipelining)
    throw new TypeError('tracking needs a client without enableAutoPipelining');
  const protocol = subscriber.options?.protocol;
  if (protocol !== 2)
    throw new TypeError(`tracking needs a subscriber with protocol 2, got ${protocol}`);
  return trackerOf(client, subscriber);
}

function redisBus(client: RedisClient, subscriber: RedisSubscriber, tracker?: Tracker): TierBus {
  const hub = hubOf(subscriber);
  return {
    tracks: tracker !== undefined,
    subscribe: (channel, listener) => hub.add(channel, listener, tracker),
    async publish(channel, text, after) {
      // Another node of a Cluster than the one that has the key may be the faster one.
      if (client.isCluster) await after;
      await client.publish(channel, text);
    },
  };
}

function redisLeases(client: RedisClient, writes: Writes): TierLeases {
  return {
    async take(key, token, ms, known) {
      const args = [token, ms, known ? toBuffer(known) : ''];
      const answer = await run(client, scripts.take, [key, leaseOf(key)], args);
      if (answer instanceof Uint8Array) return answer;
      return answer === 1 ? 'taken' : 'held';
    },
    async renew(key, token, ms) {
      await run(client, scripts.renew, [leaseOf(key)], [token, ms]);
    },
    write: writes.writeLeased,
    async release(key, token) {
      return endOf(await run(client, scripts.release, [leaseOf(key)], [token]));
    },
  };
}

function readAll(client: RedisClient, keys: readonly string[]): Promise<(Buffer | null)[]> {
  if (client.isCluster) return Promise.all(keys.map((key) => client.getBuffer(key)));
  return client.mgetBuffer([...keys]);
}
