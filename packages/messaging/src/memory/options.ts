import { checkKnown, checkMethods, checkMs, show } from '../check.ts';
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

/** @throws TypeError or RangeError that names the option and its value */
export function resolveBrokerOptions(options: MemoryBrokerOptions): ResolvedBrokerOptions {
  checkKnown('memoryBroker', options, ['clock', 'latencyMs', 'retention']);
  const { clock = systemClock, latencyMs = 0 } = options;
  checkMethods('clock', clock, ['now', 'wall', 'after']);
  checkMs('latencyMs', latencyMs, 0);
  const { retention: given = {} } = options;
  checkKnown('retention', given, ['records', 'bytes', 'ms']);
  const retention = { ...defaultRetention, ...given };
  checkLimit('retention.records', retention.records);
  checkLimit('retention.bytes', retention.bytes);
  checkLimit('retention.ms', retention.ms);
  return { clock, latencyMs, retention };
}

/** `Infinity` is no limit. */
function checkLimit(name: string, value: number): void {
  if (typeof value === 'number' && value >= 1) return;
  throw new RangeError(`${name} must be a number from 1 up, got ${show(value)}`);
}
