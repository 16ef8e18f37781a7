import * as cockatiel from 'cockatiel';
import CircuitBreaker from 'opossum';

/** A call through another library: what is protected comes with it. */
export type PeerCall = <T>(work: () => Promise<T>) => Promise<T>;

const openMs = 30_000;

function samplingBreaker(threshold: number, durationMs: number) {
  return cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: openMs,
    breaker: new cockatiel.SamplingBreaker({ threshold, duration: durationMs }),
  });
}

/** cockatiel's circuit breaker over a window of time. */
export function cockatielBreaker(threshold = 0.5, durationMs = 10_000): PeerCall {
  const breaker = samplingBreaker(threshold, durationMs);
  return (work) => breaker.execute(work);
}

/** cockatiel's wrap of the four: retry, circuit breaker, timeout and bulkhead. */
export function cockatielWrap(): PeerCall {
  const policy = cockatiel.wrap(
    cockatiel.retry(cockatiel.handleAll, {
      maxAttempts: 2,
      backoff: new cockatiel.ExponentialBackoff(),
    }),
    samplingBreaker(0.5, 10_000),
    cockatiel.timeout(10_000, cockatiel.TimeoutStrategy.Aggressive),
    cockatiel.bulkhead(1_000, 0),
  );
  return (work) => policy.execute(work);
}

/** cockatiel's circuit breaker, held open. */
export function cockatielIsolated(): PeerCall {
  const breaker = samplingBreaker(0.5, 10_000);
  breaker.isolate();
  return (work) => breaker.execute(work);
}

/** opossum's circuit as it comes. */
export function opossum<TI extends unknown[], TR>(
  action: (...args: TI) => Promise<TR>,
  options: CircuitBreaker.Options<TI> = {},
): CircuitBreaker<TI, TR> {
  return new CircuitBreaker(action, options);
}
