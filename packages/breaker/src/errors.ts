/** The `code` of every error that comes from this package itself. */
export type BreakerErrorCode =
  | 'ERR_BREAKER_OPEN'
  | 'ERR_BREAKER_HALF_OPEN_BUSY'
  | 'ERR_BREAKER_BULKHEAD_FULL'
  | 'ERR_BREAKER_CALL_TIMEOUT'
  | 'ERR_BREAKER_DEADLINE';

/** The breaker is open: the call was refused at once and never ran. */
export class BreakerOpenError extends Error {
  override readonly name = 'BreakerOpenError';
  readonly code = 'ERR_BREAKER_OPEN';
  /** Name of the breaker that refused. */
  readonly breaker: string;
  /** How long until the breaker lets trial calls through; `Infinity` while it is isolated. */
  readonly retryAfterMs: number;

  constructor(breaker: string, retryAfterMs: number, options?: ErrorOptions) {
    super(`breaker "${breaker}" is open`, options);
    this.breaker = breaker;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The breaker is half-open and all its trial calls are taken: the call was refused and never ran. */
export class HalfOpenBusyError extends Error {
  override readonly name = 'HalfOpenBusyError';
  readonly code = 'ERR_BREAKER_HALF_OPEN_BUSY';
  /** Name of the breaker that refused. */
  readonly breaker: string;
  /** 0: the trials may settle at any moment. */
  readonly retryAfterMs = 0;

  constructor(breaker: string, options?: ErrorOptions) {
    super(`breaker "${breaker}" is half-open and its trial calls are taken`, options);
    this.breaker = breaker;
  }
}

/** The bulkhead has no place for the call, or had none in time: it was refused and never ran. */
export class BulkheadFullError extends Error {
  override readonly name = 'BulkheadFullError';
  readonly code = 'ERR_BREAKER_BULKHEAD_FULL';
  /** Name of the policy or bulkhead that refused. */
  readonly breaker: string;
  /** How many calls may run at once. */
  readonly concurrency: number;
  /** How long the call had waited in the queue; 0 when the queue was full already. */
  readonly waitedMs: number;
  /** 0: a place may become free at any moment. */
  readonly retryAfterMs = 0;

  constructor(breaker: string, concurrency: number, waitedMs: number, options?: ErrorOptions) {
    const waited = waitedMs > 0 ? ` within ${waitedMs} ms` : '';
    super(`"${breaker}" runs ${concurrency} calls at once and has no place${waited}`, options);
    this.breaker = breaker;
    this.concurrency = concurrency;
    this.waitedMs = waitedMs;
  }
}

/** One attempt took longer than `timeoutMs`; its signal has been aborted with this error. */
export class CallTimeoutError extends Error {
  override readonly name = 'CallTimeoutError';
  readonly code = 'ERR_BREAKER_CALL_TIMEOUT';
  /** Name of the policy. */
  readonly breaker: string;
  readonly timeoutMs: number;

  constructor(breaker: string, timeoutMs: number, options?: ErrorOptions) {
    super(`a call of "${breaker}" took longer than ${timeoutMs} ms`, options);
    this.breaker = breaker;
    this.timeoutMs = timeoutMs;
  }
}

/**
 * The whole, retries and waiting included, took longer than the deadline allows.
 * `cause` is what the last attempt failed with, if one did.
 */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  readonly code = 'ERR_BREAKER_DEADLINE';
  /** Name of the policy. */
  readonly breaker: string;

  constructor(breaker: string, options?: ErrorOptions) {
    super(`"${breaker}" has reached its deadline`, options);
    this.breaker = breaker;
  }
}

const refusals: ReadonlySet<unknown> = new Set([
  'ERR_BREAKER_OPEN',
  'ERR_BREAKER_HALF_OPEN_BUSY',
  'ERR_BREAKER_BULKHEAD_FULL',
  'ERR_BREAKER_DEADLINE',
  'ERR_BREAKER_ABANDONED',
]);

/**
 * Whether a call ended for a reason that says nothing about the dependency: it was turned away
 * before it ran, or nobody waits for it any more. Knows the errors of every copy of this package.
 */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && refusals.has(error.code);
}

/**
 * Creates an error without its stack: of a refusal, expected and frequent, the stack is most of the
 * cost and tells nothing.
 */
export function withoutStack<E extends Error>(create: () => E): E {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return create();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What an execution that was ended early is rejected with inside; its caller never sees it. */
export const abandoned: Error = withoutStack(() =>
  Object.assign(new Error('nobody waits for this call any more'), {
    code: 'ERR_BREAKER_ABANDONED',
  }),
);
