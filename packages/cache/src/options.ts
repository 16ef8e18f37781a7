import type { OnBusLoss } from './bus.ts';
import {
  checkBoolean,
  checkDelay,
  checkEntries,
  checkFraction,
  checkFunction,
  checkInteger,
  checkMethods,
} from './check.ts';
import type { Clock } from './clock.ts';
import { type Codec, json } from './codec.ts';
import type { PurgeHook } from './purges.ts';
import type { Tier } from './tier.ts';

/** What `createCache` takes. */
export interface CacheOptions {
  /** The label in numbers and the beginning of every key in L2: letters, digits, `.`, `_`, `:` and `-`. */
  readonly name: string;
  /** How long a value is fresh, in ms. */
  readonly ttlMs: number;
  /** Version of the values' shape, part of every key in L2: raise it when the shape changes. Default 1. */
  readonly version?: number;
  /** How long past its ttl a value is served when the loader fails, in ms, from L1 and L2. Default 0. */
  readonly staleIfErrorMs?: number;
  /** How long past its ttl a value is served at once while one load refreshes it, in ms. Default 0. */
  readonly staleWhileRevalidateMs?: number;
  /**
   * The part of its ttl, between 0 and 1, after which a value that is asked for is refreshed while
   * it is served, so that nobody waits for what is asked for often. Default 1: not before its end.
   */
  readonly refreshAhead?: number;
  /** How long it is remembered that the loader found nothing (gave `undefined`), in ms. Default 0. */
  readonly negativeTtlMs?: number;
  /**
   * How long the loader is left alone after it failed, in ms: callers get the same error or a value
   * past its ttl. Default 0.
   */
  readonly errorTtlMs?: number;
  /**
   * The part, from 0 to below 1, by which a ttl is shortened at most, at random, so that what was
   * stored together does not end together. Default 0.
   */
  readonly jitter?: number;
  /** The memory of this process. */
  readonly l1?: {
    /** Default 10,000; at most 16,777,215. About 28 bytes for each are taken at once. */
    readonly maxEntries?: number;
    /**
     * How many bytes the entries may take, as estimated: 256 for an entry, 8 for a tag, 2 a character for
     * its key and for text in its value, the length of binary data, and 8 to 32 for each property, element
     * and object. For what JSON can carry that is from three quarters of the heap it takes to about
     * twice of it. Least recently used entries go first; a value that alone is larger is given to
     * the callers and not kept in memory. Counting costs time whenever a value comes into memory, and
     * none when it is read. Default none: only `maxEntries` bounds the memory.
     */
    readonly maxBytes?: number;
    /**
     * After how many ms L2 is asked again, which bounds how long this process misses what another
     * one has changed when it is not told. Default 60,000. Without an L2 it has no meaning.
     */
    readonly ttlMs?: number;
  };
  /** The level that processes share, e.g. `redisTier({ client })`. Default none. */
  readonly l2?: Tier;
  /** How long a loader may take. */
  readonly loadTimeout?: {
    /**
     * When a caller is given a value past its ttl, if one may be served, while the load goes on, in ms.
     * Default none.
     */
    readonly softMs?: number;
    /** When a load is given up: callers are told, and its `signal` aborts; in ms. Default 30,000. */
    readonly hardMs?: number;
  };
  /**
   * The right to load a key, taken in L2: one process of all loads it, the others wait for its value,
   * and what was loaded before somebody deleted the key is not written after that. `ms` is how long
   * it outlives a process that died, and how long the others wait before they load for themselves
   * without writing; a process that lives renews it. Default `{ ms: 3000 }`. `false`: every process
   * loads for itself, and an old load may overwrite a delete.
   */
  readonly lease?: { readonly ms: number } | false;
  /**
   * What happens to L1 when messages of other processes are missed, since the subscriber has lost
   * its connection. Default `'revalidate'`: no value is served again from L1 before L2 (or, when that
   * is away, the loader) was asked about it, once per outage. `{ serveForMs }`: values are served on
   * for so long first. Once messages are heard again, all values are asked about in either case.
   */
  readonly onBusLoss?: OnBusLoss;
  /**
   * Called after `invalidateTags` and `clear`, in this process only, when L2 knows of it: where a CDN
   * is told to purge. No caller waits for it or fails by it, and `acknowledged` says nothing of it. A
   * call that fails is repeated until it succeeds, for a day or twice as long as a value lives; when
   * L2 was away it is also called once more when that has been told. Default none.
   */
  readonly onInvalidateTags?: PurgeHook;
  /** How values become bytes in L2. Default `json()`. */
  readonly codec?: Codec;
  /**
   * How many bytes a value may have in L2, as the codec makes them. A larger one holds up all others
   * on the connection, and is the first to miss the deadline of an operation. It is given to the
   * callers and kept in the memory of this process only; L2 has no value for its key then, so that
   * each process loads it, or after a `set` misses it, for itself. Counted in
   * `stats().l2.tooLarge`. Default 1,048,576 (1 MiB).
   */
  readonly maxValueBytes?: number;
  /**
   * Freezes the values that are stored, with all plain objects and arrays in them, so that a caller
   * that changes what it shares with others gets a TypeError; also the object that you `set` or that
   * the loader gave. It costs time whenever a value comes into memory, and none when it is read.
   * Default false; meant for development: `freeze: process.env.NODE_ENV !== 'production'`.
   */
  readonly freeze?: boolean;
  /** For tests. Default the system's clocks; with these a hit may be served up to 20 ms past its ttl. */
  readonly clock?: Clock;
}

/** The options with every default in its place. */
export interface ResolvedOptions {
  readonly name: string;
  readonly version: number;
  readonly ttlMs: number;
  readonly staleIfErrorMs: number;
  readonly staleWhileRevalidateMs: number;
  readonly refreshAhead: number;
  readonly negativeTtlMs: number;
  readonly errorTtlMs: number;
  readonly jitter: number;
  readonly maxEntries: number;
  readonly maxBytes: number | undefined;
  readonly l1TtlMs: number | undefined;
  readonly l2: Tier | undefined;
  readonly softMs: number | undefined;
  readonly hardMs: number;
  readonly leaseMs: number | undefined;
  readonly onBusLoss: OnBusLoss;
  readonly onInvalidateTags: PurgeHook | undefined;
  readonly codec: Codec;
  readonly maxValueBytes: number;
  readonly freeze: boolean;
  readonly clock: Clock | undefined;
}

const defaults = {
  version: 1,
  staleIfErrorMs: 0,
  staleWhileRevalidateMs: 0,
  refreshAhead: 1,
  negativeTtlMs: 0,
  errorTtlMs: 0,
  jitter: 0,
  lease: { ms: 3000 },
  onBusLoss: 'revalidate',
  maxValueBytes: 1_048_576,
  freeze: false,
} as const;

/** @throws RangeError or TypeError that names the option and its value */
export function resolveOptions(options: CacheOptions): ResolvedOptions {
  const { l1 = {}, loadTimeout = {}, lease: _, ...rest } = { ...defaults, ...options };
  const { maxEntries = 10_000, maxBytes, ttlMs: l1TtlMs = 60_000 } = l1;
  const { softMs, hardMs = 30_000 } = loadTimeout;
  const { l2, clock, onInvalidateTags, codec = json() } = rest;
  const leaseMs = leaseMsOf(options);
  checkName(rest.name);
  checkTimes({ ...rest, maxEntries, l1TtlMs });
  checkFraction('refreshAhead', rest.refreshAhead, (part) => part > 0 && part <= 1);
  checkFraction('jitter', rest.jitter, (part) => part >= 0 && part < 1);
  checkDelay('loadTimeout.hardMs', hardMs);
  if (maxBytes !== undefined) checkInteger('l1.maxBytes', maxBytes, 1);
  if (softMs !== undefined) checkDelay('loadTimeout.softMs', softMs);
  checkOnBusLoss(rest.onBusLoss);
  checkBoolean('freeze', rest.freeze);
  checkMethods('codec', codec, ['encode', 'decode']);
  if (l2 !== undefined) checkMethods('l2', l2, ['isReady', 'read', 'write', 'delete']);
  if (onInvalidateTags !== undefined) checkFunction('onInvalidateTags', onInvalidateTags);
  if (clock !== undefined) checkMethods('clock', clock, ['now', 'wall']);
  const given = { l2, clock, codec, onInvalidateTags, l1TtlMs: l2 && l1TtlMs };
  return { ...rest, ...given, maxEntries, maxBytes, softMs, hardMs, leaseMs };
}

function checkTimes(
  options: Omit<
    ResolvedOptions,
    'l2' | 'maxBytes' | 'softMs' | 'hardMs' | 'leaseMs' | 'codec' | 'clock' | 'onInvalidateTags'
  >,
): void {
  checkInteger('ttlMs', options.ttlMs, 1);
  checkInteger('version', options.version, 0);
  checkInteger('staleIfErrorMs', options.staleIfErrorMs, 0);
  checkInteger('staleWhileRevalidateMs', options.staleWhileRevalidateMs, 0);
  checkInteger('negativeTtlMs', options.negativeTtlMs, 0);
  checkInteger('errorTtlMs', options.errorTtlMs, 0);
  checkInteger('maxValueBytes', options.maxValueBytes, 1);
  checkEntries('l1.maxEntries', options.maxEntries);
  checkInteger('l1.ttlMs', options.l1TtlMs, 1);
}

/** Only `false` is to mean none, as more than speed is lost with the lease. */
function leaseMsOf({ lease = defaults.lease }: CacheOptions): number | undefined {
  if (lease === false) return undefined;
  checkDelay('lease.ms', lease?.ms);
  return lease.ms;
}

function checkOnBusLoss(onBusLoss: OnBusLoss): void {
  if (onBusLoss !== 'revalidate') checkDelay('onBusLoss.serveForMs', onBusLoss?.serveForMs);
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && /^[\w.:-]+$/.test(name)) return;
  throw new TypeError(`name must be letters, digits and ._:- only, got ${JSON.stringify(name)}`);
}
