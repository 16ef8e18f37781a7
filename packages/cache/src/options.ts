import { checkDelay, checkInteger, checkMethods } from './check.ts';
import type { Clock } from './clock.ts';
import { type Codec, json } from './codec.ts';
import type { Tier } from './tier.ts';

/** What `createCache` takes. */
export interface CacheOptions {
  /** The label in numbers and the beginning of every key in L2: letters, digits, `.`, `_`, `:` and `-`. */
  readonly name: string;
  /** How long a value is fresh, in ms. */
  readonly ttlMs: number;
  /** Version of the values' shape, part of every key in L2: raise it when the shape changes. Default 1. */
  readonly version?: number;
  /** How long past its ttl a value is still served when the loader fails, in ms, from L1 and L2. Default 0. */
  readonly staleIfErrorMs?: number;
  /** The memory of this process. */
  readonly l1?: {
    /** Default 10,000. */
    readonly maxEntries?: number;
    /**
     * After how many ms L2 is asked again, which bounds how long this process misses what another
     * one has changed. Default 60,000 with an L2, else `ttlMs`.
     */
    readonly ttlMs?: number;
  };
  /** The level that processes share, e.g. `redisTier({ client })`. Default none. */
  readonly l2?: Tier;
  /** How long a loader may take. */
  readonly loadTimeout?: {
    /** When callers stop waiting for a load, its `signal` aborts and its value is given up, in ms. Default 30,000. */
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
  /** How values become bytes in L2. Default `json()`. */
  readonly codec?: Codec;
  /** For tests. Default the system's clocks; with these a hit may be served up to 20 ms past its ttl. */
  readonly clock?: Clock;
}

/** The options with every default in its place. */
export interface ResolvedOptions {
  readonly name: string;
  readonly ttlMs: number;
  readonly version: number;
  readonly staleIfErrorMs: number;
  readonly maxEntries: number;
  readonly l1TtlMs: number;
  readonly l2: Tier | undefined;
  readonly hardMs: number;
  readonly leaseMs: number | undefined;
  readonly codec: Codec;
  readonly clock: Clock | undefined;
}

const L1_TTL_MS = 60_000;

/** @throws RangeError or TypeError that names the option and its value */
export function resolveOptions(options: CacheOptions): ResolvedOptions {
  const { name, ttlMs, l2, clock } = options;
  const { maxEntries = 10_000, ttlMs: l1TtlMs = l2 ? L1_TTL_MS : ttlMs } = options.l1 ?? {};
  const { hardMs = 30_000 } = options.loadTimeout ?? {};
  const { version = 1, staleIfErrorMs = 0, lease = { ms: 3000 }, codec = json() } = options;
  const leaseMs = lease ? lease.ms : undefined;
  checkName(name);
  checkInteger('ttlMs', ttlMs, 1);
  checkInteger('version', version, 0);
  checkInteger('staleIfErrorMs', staleIfErrorMs, 0);
  checkInteger('l1.maxEntries', maxEntries, 1);
  checkInteger('l1.ttlMs', l1TtlMs, 1);
  checkDelay('loadTimeout.hardMs', hardMs);
  if (lease) checkDelay('lease.ms', leaseMs);
  checkMethods('codec', codec, ['encode', 'decode']);
  if (l2 !== undefined) checkMethods('l2', l2, ['isReady', 'read', 'write', 'delete']);
  if (clock !== undefined) checkMethods('clock', clock, ['now', 'wall']);
  const own = { name, ttlMs, version, staleIfErrorMs, maxEntries, l1TtlMs };
  return { ...own, l2, hardMs, leaseMs, codec, clock };
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && /^[\w.:-]+$/.test(name)) return;
  throw new TypeError(`name must be letters, digits and ._:- only, got ${JSON.stringify(name)}`);
}
