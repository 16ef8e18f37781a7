import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import type { Retention } from './partition-log.ts';

/** How a broker is made. */
export interface MemoryBrokerOptions {
  /** Where its time comes from. Default: the system's. */
  readonly clock?: Clock;
  /** How long a request takes to the broker, and the answer back, in ms. Default 0: the next turn of the event loop. */
  readonly latencyMs?: number;
  /**
   * How much each partition keeps; what is over is forgotten, the oldest first, read or not. A topic's
   * `retention.ms` and `retention.bytes` come before these. Default: 100,000 records, 16 MiB, 7 days.
   */
  readonly retention?: Partial<Retention>;
}

/** The options of a broker, all of them. */
export interface ResolvedBrokerOptions {
  readonly clock: Clock;
  readonly latencyMs: number;
  readonly retention: Retention;
}

const defaultRetention: Retention = { records: 100_000, bytes: 16 * 1024 * 1024, ms: 604_800_000 };

/** @throws RangeError naming the option that makes no sense */
export function resolveBrokerOptions(options: MemoryBrokerOptions): ResolvedBrokerOptions {
  const retention = { ...defaultRetention, ...options.retention };
  const { clock = systemClock, latencyMs = 0 } = options;
  checkAtLeast('latencyMs', latencyMs, 0);
  checkAtLeast('retention.records', retention.records, 1);
  checkAtLeast('retention.bytes', retention.bytes, 1);
  checkAtLeast('retention.ms', retention.ms, 1);
  return { clock, latencyMs, retention };
}

/** @throws RangeError when the value is no number or below the least */
function checkAtLeast(name: string, value: number, least: number): void {
  if (typeof value === 'number' && value >= least) return;
  throw new RangeError(`${name} must be a number and at least ${least}, got ${value}`);
}
