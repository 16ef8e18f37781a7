/** The `code` of every error that comes from this package itself. */
export type BreakerErrorCode = 'ERR_BREAKER_OPEN' | 'ERR_BREAKER_HALF_OPEN_BUSY';

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

const refusals: ReadonlySet<unknown> = new Set<BreakerErrorCode>([
  'ERR_BREAKER_OPEN',
  'ERR_BREAKER_HALF_OPEN_BUSY',
]);

/**
 * Whether a call was turned away before it ran, by any copy of this package.
 * Such an error says nothing about the dependency and is not worth a retry.
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
