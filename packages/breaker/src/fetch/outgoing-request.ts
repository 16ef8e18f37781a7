import type { CallContext, CallOptions } from '../work.ts';
import type { PolicyFetchInit } from './policy-fetch.ts';

const idempotent: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
]);

/** Carries a response with a failing status through the policy, which knows failures only as errors. */
class FailedResponse extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super(`status ${response.status}`);
    this.response = response;
  }
}

/** One call of `fetch`: what is sent with each attempt, and what the last attempt has left. */
export class OutgoingRequest {
  readonly origin: string;
  readonly callOptions: CallOptions;
  readonly #init: RequestInit;
  readonly #headers: Headers;
  #failed: FailedResponse | undefined;

  /** @throws what `fetch` would: a request that cannot be sent says nothing about its host */
  constructor(input: Parameters<typeof fetch>[0], { deadline, ...init }: PolicyFetchInit) {
    const given = input instanceof Request ? input : undefined;
    const { method, headers } = given ?? {};
    const basis = { ...(method && { method }), ...(headers && { headers }) };
    const probe = new Request(given?.url ?? (input as string | URL), {
      ...basis,
      ...init,
      body: null,
      signal: null,
    });
    const replayable = isReplayable(probe, init.body ?? given?.body ?? null);
    const signal = init.signal ?? given?.signal;
    this.origin = new URL(probe.url).origin;
    this.callOptions = { signal, deadline, ...(!replayable && { attempts: 1 }) };
    this.#init = init;
    this.#headers = probe.headers;
  }

  initFor(ctx: CallContext, deadlineHeader: string): RequestInit {
    const headers = new Headers(this.#headers);
    const remainingMs = Math.floor(ctx.remainingMs());
    if (Number.isFinite(remainingMs)) headers.set(deadlineHeader, String(remainingMs));
    const { signal } = this.callOptions;
    // The policy lets go of the caller's signal when the headers are there, the body must not.
    const both = signal ? AbortSignal.any([ctx.signal, signal]) : ctx.signal;
    return { ...this.#init, headers, signal: both };
  }

  failWith(response: Response): never {
    this.#failed = new FailedResponse(response);
    throw this.#failed;
  }

  /** Nobody will read it: frees its connection. */
  dropFailedResponse(): void {
    this.#failed?.response.body?.cancel().catch(() => undefined);
    this.#failed = undefined;
  }

  /** The response that a policy took for an error; any other error is thrown. */
  failedResponse(error: unknown): Response {
    if (error instanceof FailedResponse) return error.response;
    this.dropFailedResponse();
    throw error;
  }
}

/**
 * Whether the request may be sent again: its method is idempotent (RFC 9110, section 9.2.2) or an
 * `Idempotency-Key` lets the server recognize it, and its body is still there to be sent.
 */
function isReplayable({ method, headers }: Request, body: unknown): boolean {
  return (idempotent.has(method) || headers.has('idempotency-key')) && isWhole(body);
}

/** A stream is gone once it has been sent; everything else the caller still holds. */
function isWhole(body: unknown): boolean {
  if (body === null || typeof body === 'string') return true;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return true;
  return body instanceof Blob || body instanceof FormData || body instanceof URLSearchParams;
}
