import type CircuitBreaker from 'opossum';
import type { BreakerOptions } from '../options.ts';

/** What opossum's types leave out. */
interface MoreOptions {
  readonly coalesce?: boolean;
  readonly coalesceTTL?: number;
  readonly coalesceSize?: number;
  readonly coalesceResetOn?: ('error' | 'success' | 'timeout')[];
  readonly cacheSize?: number;
  /** Of a circuit in an earlier process: what its `toJSON().state` was. */
  readonly state?: Partial<Omit<CircuitBreaker.State, 'lastTimerAt'>> & { lastTimerAt?: unknown };
}

/**
 * opossum's options; and ours, which decide where both are given. What opossum's options become:
 * `resetTimeout` is `openMs`; `rollingCountTimeout` and `rollingCountBuckets` are a rolling window;
 * `errorThresholdPercentage`, `volumeThreshold` and `allowWarmUp` are `readyToTrip`.
 */
export type OpossumBreakerOptions<TI extends unknown[] = unknown[]> = CircuitBreaker.Options<TI> &
  MoreOptions &
  Pick<
    BreakerOptions,
    'maxRequests' | 'intervalMs' | 'bucketMs' | 'openMs' | 'readyToTrip' | 'maxHalfOpenMs' | 'clock'
  >;

/** The options of our breaker for a circuit with these options. */
export function breakerOptions<TI extends unknown[]>(
  options: OpossumBreakerOptions<TI>,
  name: string,
): BreakerOptions & Required<Pick<BreakerOptions, 'readyToTrip'>> {
  const { rollingCountTimeout = 10_000, rollingCountBuckets = 10, resetTimeout } = options;
  const { errorThresholdPercentage = 50, volumeThreshold = 0 } = options;
  const decisive = ['maxRequests', 'intervalMs', 'bucketMs', 'openMs', 'readyToTrip'];
  const given = [...decisive, 'maxHalfOpenMs', 'clock'];
  const ours = Object.entries(options).filter(
    ([key]) => given.includes(key) && options[key as 'clock'] !== undefined,
  );
  return {
    name,
    intervalMs: rollingCountTimeout,
    bucketMs: rollingCountTimeout / rollingCountBuckets,
    openMs: resetTimeout ?? 30_000,
    readyToTrip: ({ requests, exclusions, failures }) => {
      const fires = requests - exclusions;
      return fires >= volumeThreshold && (failures / fires) * 100 > errorThresholdPercentage;
    },
    ...Object.fromEntries(ours),
  };
}
