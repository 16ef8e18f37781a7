import type { Breaker } from '../breaker.ts';
import type { BulkheadOptions } from '../bulkhead.ts';
import { callable, text } from '../check.ts';
import type { Clock } from '../clock.ts';
import { Hooks } from '../events.ts';
import type { BreakerOptions } from '../options.ts';
import { createParts, createPolicy, type Policy, type PolicyOptions } from '../policy.ts';
import { type BreakerRegistry, createBreakerRegistry } from '../registry.ts';
import type { RetryOptions } from '../retry.ts';
import { OutgoingRequest } from './outgoing-request.ts';

/** The settings of a `fetch` with a policy per host; each has a default. */
export interface FetchOptions {
  /** What sends the requests. Default: the global `fetch`, as it is when called. */
  readonly fetch?: typeof fetch;
  /** Of the breaker of each host. Default: those of `createBreaker`. */
  readonly breaker?: Omit<BreakerOptions, 'clock' | 'classify'>;
  /** Only for requests that may be sent twice. Default: those of `createPolicy`; `false`: none. */
  readonly retry?: RetryOptions | false;
  /** Per host; a request has a place until the headers of the response are there. Default: none. */
  readonly bulkhead?: BulkheadOptions;
  /** For each attempt until the headers of the response are there, in ms. Default 10,000. */
  readonly timeoutMs?: number;
  /** For the whole until the headers of the response are there, in ms. Default: none. */
  readonly deadlineMs?: number;
  /**
   * Whether a response with this status is a failure. One that throws gives way to the default,
   * with a process warning. Default: 408, 429 and from 500 on.
   */
  readonly isFailure?: (status: number) => boolean;
  /** Tells the server how many ms are left until the deadline. Default `'x-request-timeout-ms'`. */
  readonly deadlineHeader?: string;
  /** How many hosts are known at most. Default 1,000. */
  readonly maxHosts?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** As of `fetch`, and an outer deadline: in ms of the clock, e.g. `ctx.deadline`. */
export interface PolicyFetchInit extends RequestInit {
  readonly deadline?: number;
}

/** A drop-in `fetch`: a response with a failing status is still a response. */
export interface PolicyFetch {
  (input: Parameters<typeof fetch>[0], init?: PolicyFetchInit): Promise<Response>;
  /** The breakers, by origin, e.g. `https://api.example:8443`. */
  readonly breakers: BreakerRegistry;
}

/**
 * Creates a `fetch` with a breaker and a policy per origin. It rejects as `fetch` does, and with
 * BreakerOpenError, HalfOpenBusyError, BulkheadFullError, CallTimeoutError and DeadlineError.
 *
 * @throws TypeError or RangeError for a bad option, naming it
 */
export function createFetch(options: FetchOptions = {}): PolicyFetch {
  const {
    fetch: send = (...args) => globalThis.fetch(...args),
    isFailure = standardIsFailure,
    deadlineHeader = 'x-request-timeout-ms',
  } = options;
  callable('fetch', send);
  callable('isFailure', isFailure);
  text('deadlineHeader', deadlineHeader);
  const breakers = createBreakerRegistry({
    ...(options.maxHosts !== undefined && { max: options.maxHosts }),
    ...(options.breaker && { options: options.breaker }),
    ...(options.clock && { clock: options.clock }),
  });
  const policyOf = policies(options, breakers);
  const hooks = new Hooks('fetch');
  const hasFailed = ({ status }: Response) =>
    hooks.decide('isFailure', standardIsFailure(status), () => isFailure(status));

  async function policyFetch(...[input, init = {}]: Parameters<PolicyFetch>): Promise<Response> {
    const request = new OutgoingRequest(input, init);
    const policy = policyOf(request.origin);
    try {
      return await policy.execute(async (ctx) => {
        request.dropFailedResponse();
        const response = await send(input, request.initFor(ctx, deadlineHeader));
        return hasFailed(response) ? request.failWith(response) : response;
      }, request.callOptions);
    } catch (error) {
      return request.failedResponse(error);
    }
  }
  return Object.assign(policyFetch, { breakers });
}

const standardIsFailure = (status: number): boolean =>
  status === 408 || status === 429 || status >= 500;

function policies(options: FetchOptions, breakers: BreakerRegistry): (origin: string) => Policy {
  const { retry = {}, bulkhead, timeoutMs = 10_000, deadlineMs, clock } = options;
  const shared: PolicyOptions = {
    timeoutMs,
    clock,
    ...(retry !== false && { retry }),
    ...(bulkhead && { bulkhead }),
    ...(deadlineMs !== undefined && { deadlineMs }),
  };
  // A bad option is found now, not with the first request.
  createParts('fetch', shared);
  const known = new WeakMap<Breaker, Policy>();
  return (origin) => {
    const breaker = breakers.get(origin);
    const policy = known.get(breaker) ?? createPolicy({ ...shared, name: origin, breaker });
    known.set(breaker, policy);
    return policy;
  };
}
