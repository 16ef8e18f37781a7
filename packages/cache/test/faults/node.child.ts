// One process of a fleet: a cache over the rows of a shared database, which does what its parent says.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createCache, type Tier } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { Cluster, Redis } from 'ioredis';
import { Rows, tagsOf } from './rows.ts';
import { workload } from './workload.ts';

/** How a process is set up. */
export interface NodeOptions {
  /** The rows, and which of their writers this process is. */
  readonly rows: string;
  readonly writer: number;
  /** The way to Redis for commands, and for what is heard. */
  readonly redis:
    | { readonly data: string; readonly ears: string }
    | {
        readonly cluster: readonly string[];
        readonly ears: string;
        /** Where a node of the Cluster, by host and port, is to be reached instead. */
        readonly detours?: Readonly<
          Record<string, { readonly host: string; readonly port: number }>
        >;
      }
    | { readonly sentinels: readonly string[]; readonly master: string };
  /** Default one that nothing outlives during a test. */
  readonly ttlMs?: number;
  readonly l1TtlMs?: number;
  readonly version?: number;
  readonly timeoutMs?: number;
  readonly tracking?: boolean;
  readonly hardMs?: number;
  /** How wrong the wall clock of this host is. */
  readonly wallOffsetMs?: number;
  /** False: what was loaded under a lease is written whether or not it stands, as a cache without a fence would. */
  readonly isFenced?: boolean;
}

/** What the parent asks for and gets back. */
export interface Call {
  readonly id: number;
  readonly name: keyof Calls;
  readonly args: readonly unknown[];
}
export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
export type Calls = typeof calls;

/** How rows are loaded; a loader reads its row first, so the longer it takes the older that is. */
export interface LoadOptions {
  readonly takesMs?: number;
  /** How many callers there are of each row. Default 1. */
  readonly callers?: number;
}

const options: NodeOptions = JSON.parse(process.argv[2] ?? '');
const rows = new Rows(options.rows, options.writer);
const { client, subscriber } = connect();
let wallOffsetMs = options.wallOffsetMs ?? 0;
const { ttlMs = 600_000, timeoutMs = 500, tracking = false } = options;
const tier = redisTier({ client, subscriber, timeoutMs, tracking });
const cache = createCache<number>({
  // What another fleet has left on the server is none of ours.
  name: path.basename(path.dirname(options.rows)),
  ttlMs,
  version: options.version ?? 1,
  l1: { ttlMs: options.l1TtlMs ?? ttlMs },
  l2: options.isFenced === false ? withoutFence(tier) : tier,
  loadTimeout: { hardMs: options.hardMs ?? 10_000 },
  ...(options.wallOffsetMs !== undefined && {
    clock: { now: () => performance.now(), wall: () => Date.now() + wallOffsetMs },
  }),
});
let rejections = 0;
process.on('unhandledRejection', () => {
  rejections += 1;
});

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const keyOf = (row: number) => `row${row}`;

class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** Loaders as they should not be. */
const loaders = {
  async fails(): Promise<number> {
    await sleep(20);
    throw new DatabaseError('it fails');
  },
  throws(): Promise<number> {
    throw new DatabaseError('it throws at once');
  },
  never: () => new Promise<number>(() => undefined),
  async late(version: number): Promise<number> {
    await sleep((options.hardMs ?? 0) * 2);
    return version;
  },
};

const calls = {
  /** The versions that callers get. */
  async load(wanted: readonly number[], { takesMs = 0, callers = 1 }: LoadOptions = {}) {
    const loader = (row: number) => async () => {
      const version = rows.version(row);
      if (takesMs > 0) await sleep(takesMs);
      return version;
    };
    const one = async (row: number) => {
      const load = loader(row);
      const options = { tags: tagsOf(row) };
      const call = () => cache.getOrSet(keyOf(row), load, options);
      const values = Array.from({ length: callers }, call);
      return Math.min(...(await Promise.all(values)));
    };
    return Promise.all(wanted.map(one));
  },
  /** How many of the callers of a row get which version or error. */
  async crowd(row: number, callers: number, loader: keyof typeof loaders) {
    const load = () => loaders[loader](rows.version(row));
    const counts: Record<string, number> = {};
    const count = (what: unknown) => {
      const name = what instanceof Error ? what.name : String(what);
      counts[name] = (counts[name] ?? 0) + 1;
    };
    const calls = Array.from({ length: callers }, () => cache.getOrSet(keyOf(row), load));
    await Promise.all(calls.map((call) => call.then(count, count)));
    return counts;
  },
  /** What is known without a loader. */
  async get(wanted: readonly number[]) {
    return Promise.all(wanted.map(async (row) => (await cache.get(keyOf(row))) ?? null));
  },
  /** What the memory of this process serves. */
  peek(wanted: readonly number[]) {
    return wanted.map((row) => cache.peek(keyOf(row)) ?? null);
  },
  /** Changes the rows and then deletes them from the cache: true for each delete that was acknowledged. */
  async changeAndDelete(wanted: readonly number[]) {
    return Promise.all(
      wanted.map(async (row) => {
        rows.change(row);
        return (await cache.delete(keyOf(row))).acknowledged;
      }),
    );
  },
  /** Changes the rows, which all have this tag, and then invalidates it. */
  async changeAndInvalidate(tag: string, wanted: readonly number[]) {
    for (const row of wanted) rows.change(row);
    return (await cache.invalidateTags(tag)).acknowledged;
  },
  /** Changes the rows and then sets them in the cache. */
  async changeAndSet(wanted: readonly number[]) {
    return Promise.all(
      wanted.map(async (row) => (await cache.set(keyOf(row), rows.change(row))).acknowledged),
    );
  },
  stats: () => cache.stats(),
  setWallBy(ms: number) {
    wallOffsetMs += ms;
  },
  run: (work: Parameters<typeof workload>[2]) => workload(cache, rows, work),
  /** Rejections that nobody handled, and the heap in bytes. */
  health() {
    collectGarbage();
    return { rejections, heapBytes: process.memoryUsage().heapUsed };
  },
};

function connect() {
  const { redis } = options;
  const retryStrategy = () => 50;
  if ('sentinels' in redis) {
    const sentinels = redis.sentinels.map((url) => ({
      host: new URL(url).hostname,
      port: Number(new URL(url).port),
    }));
    const client = new Redis({ sentinels, name: redis.master, sentinelRetryStrategy: () => 100 });
    return { client, subscriber: client.duplicate({ protocol: 2 }) };
  }
  const subscriber = new Redis(redis.ears, { retryStrategy, protocol: 2 });
  if ('data' in redis) return { client: new Redis(redis.data, { retryStrategy }), subscriber };
  const { cluster, detours = {} } = redis;
  return { client: new Cluster([...cluster], { natMap: detours }), subscriber };
}

function withoutFence(fenced: Tier): Tier {
  const { leases } = fenced;
  if (!leases) return fenced;
  const write = async (key: string, token: string, bytes: Uint8Array, keepMs: number) => {
    await leases.release(key, token);
    await fenced.write(key, bytes, keepMs);
    return 'ended' as const;
  };
  return {
    ...fenced,
    leases: {
      take: (...args) => leases.take(...args),
      renew: (...args) => leases.renew(...args),
      release: (...args) => leases.release(...args),
      write,
    },
  };
}

async function answer({ id, name, args }: Call): Promise<Answer> {
  try {
    return { id, result: await Reflect.apply(calls[name], undefined, [...args]) };
  } catch (error) {
    return { id, error: String(error) };
  }
}

process.on('message', async (call: Call) => process.send?.(await answer(call)));
process.on('disconnect', () => process.exit());
client.once('ready', () => process.send?.('ready'));
