import { checkDelay, checkMethods } from '../check.ts';
import type { Tier, TierBus, TierLeases } from '../tier.ts';
import { hubOf, type RedisSubscriber } from './hub.ts';
import * as scripts from './scripts.ts';

export type { RedisSubscriber } from './hub.ts';

/** What we need of a client: the `Redis` and `Cluster` of ioredis have it. */
export interface RedisClient {
  /** `ready` when a command can be sent at once, `wait` before the first one. */
  readonly status: string;
  /** True for a Cluster, where one command can only have keys of one slot. */
  readonly isCluster?: boolean;
  getBuffer(key: string): Promise<Buffer | null>;
  mgetBuffer(keys: string[]): Promise<(Buffer | null)[]>;
  set(key: string, value: Buffer, px: 'PX', milliseconds: number): Promise<unknown>;
  unlink(...keys: string[]): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  callBuffer(command: string, args: (string | Buffer | number)[]): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

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
}

/**
 * Redis 7 or later, or Valkey, as L2. While it is away the cache goes on without it, and an `error`
 * event of the client no longer goes unheard: it shows in the numbers of the cache instead.
 *
 * @throws TypeError or RangeError that names the option and its value
 */
export function redisTier({ client, subscriber, timeoutMs = 50 }: RedisTierOptions): Tier {
  checkMethods('client', client, ['getBuffer', 'mgetBuffer', 'set', 'unlink', 'callBuffer', 'on']);
  if (subscriber)
    checkMethods('subscriber', subscriber, ['subscribe', 'unsubscribe', 'ping', 'on']);
  checkDelay('timeoutMs', timeoutMs);
  hear(client);
  return {
    name: 'redis',
    timeoutMs,
    // A client that waits for its first command (`lazyConnect`) needs one to connect.
    isReady: () => client.status === 'ready' || client.status === 'wait',
    async read(keys) {
      const values = await readAll(client, keys);
      return values.map((value) => value ?? undefined);
    },
    async write(key, bytes, ttlMs) {
      // The lease first: whoever has it must not write after us.
      const lease = client.unlink(leaseOf(key));
      await Promise.all([lease, client.set(key, toBuffer(bytes), 'PX', ttlMs)]);
    },
    async delete(keys) {
      if (client.isCluster) await Promise.all(keys.map((key) => client.unlink(key, leaseOf(key))));
      else await client.unlink(...keys, ...keys.map(leaseOf));
    },
    async patch(key, head, next, ttlMs) {
      const args = [toBuffer(head), toBuffer(next), ttlMs];
      await run(client, scripts.patch, [key, leaseOf(key)], args);
    },
    leases: redisLeases(client),
    ...(subscriber && { bus: redisBus(client, subscriber) }),
  };
}

function redisBus(client: RedisClient, subscriber: RedisSubscriber): TierBus {
  const hub = hubOf(subscriber);
  return {
    subscribe: (channel, listener) => hub.add(channel, listener),
    async publish(channel, text, after) {
      // Another node of a Cluster than the one that has the key may be the faster one.
      if (client.isCluster) await after;
      await client.publish(channel, text);
    },
  };
}

function redisLeases(client: RedisClient): TierLeases {
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
    async write(key, token, bytes, ttlMs) {
      const args = [token, toBuffer(bytes), ttlMs];
      return (await run(client, scripts.write, [key, leaseOf(key)], args)) === 1;
    },
    async release(key, token) {
      await run(client, scripts.release, [leaseOf(key)], [token]);
    },
  };
}

/** No name of a cache begins so; the braces in the key keep both in one slot of a Cluster. */
function leaseOf(key: string): string {
  return `~${key}`;
}

async function run(
  client: RedisClient,
  { lua, sha }: scripts.Script,
  keys: readonly string[],
  args: readonly (string | Buffer | number)[],
): Promise<unknown> {
  const rest = [keys.length, ...keys, ...args];
  try {
    return await client.callBuffer('EVALSHA', [sha, ...rest]);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return client.callBuffer('EVAL', [lua, ...rest]);
  }
}

const heard = new WeakSet<RedisClient>();

/** One listener however many caches share the client. */
function hear(client: RedisClient): void {
  if (heard.has(client)) return;
  heard.add(client);
  client.on('error', () => undefined);
}

function readAll(client: RedisClient, keys: readonly string[]): Promise<(Buffer | null)[]> {
  if (client.isCluster) return Promise.all(keys.map((key) => client.getBuffer(key)));
  return client.mgetBuffer([...keys]);
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
