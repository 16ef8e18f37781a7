import type { BreakerErrorCode } from '../errors.ts';

/** What is needed of Express's response, or of one that is like it. */
interface ResponseLike {
  readonly headersSent: boolean;
  status(code: number): unknown;
  set(headers: Record<string, string>): unknown;
  send(body: string): unknown;
}

/** An error handler of Express 5 (or 4). */
export type RefusalHandler = (
  error: unknown,
  request: unknown,
  response: ResponseLike,
  next: (error: unknown) => void,
) => void;

const statuses: Record<BreakerErrorCode, 503 | 504> = {
  ERR_BREAKER_OPEN: 503,
  ERR_BREAKER_HALF_OPEN_BUSY: 503,
  ERR_BREAKER_BULKHEAD_FULL: 503,
  ERR_BREAKER_CALL_TIMEOUT: 504,
  ERR_BREAKER_DEADLINE: 504,
};
const titles = { 503: 'Service Unavailable', 504: 'Gateway Timeout' } as const;

/** Nobody knows how long an isolation lasts. */
const isolatedRetryAfterS = 60;

/**
 * Creates an error handler, for `app.use` after the routes: a refusal becomes 503 with `Retry-After`,
 * a timeout or a missed deadline 504, both as problem+json (RFC 9457). They say nothing of what is
 * behind the service. Every other error goes on to the next handler.
 */
export function refusalHandler(): RefusalHandler {
  return (error, _request, response, next) => {
    const code = codeOf(error);
    if (!code || response.headersSent) {
      next(error);
      return;
    }
    const status = statuses[code];
    response.status(status);
    response.set({
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...(status === 503 && { 'Retry-After': String(retryAfterS(error)) }),
    });
    response.send(JSON.stringify({ type: 'about:blank', title: titles[status], status, code }));
  };
}

function codeOf(error: unknown): BreakerErrorCode | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return Object.keys(statuses).find((known): known is BreakerErrorCode => known === code);
}

function retryAfterS(error: unknown): number {
  const { retryAfterMs = 0 } = error as { retryAfterMs?: number };
  return Number.isFinite(retryAfterMs)
    ? Math.max(1, Math.ceil(retryAfterMs / 1000))
    : isolatedRetryAfterS;
}
