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
    const body = bodyOf(init, given);
    const probe = new Request(given?.url ?? (input as string | URL), {
      ...init,
      ...methodAndHeaders(init, given),
      body: body === null ? null : standIn(init.body),
      signal: null,
    });
    // `null` is no signal, `undefined` is the signal of the `Request`.
    const signal = (init.signal === undefined ? given?.signal : init.signal) ?? undefined;
    const attempts = isReplayable(probe, body) ? undefined : 1;
    this.origin = hostOf(new URL(probe.url));
    this.callOptions = { signal, deadline, attempts };
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

/** Without an origin (`data:`, `blob:`, `file:`), the kind of URL is all that can fail by itself. */
function hostOf({ origin, protocol }: URL): string {
  return origin === 'null' ? protocol : origin;
}

/** Where the init says nothing, or `undefined`, the `Request` does. */
function methodAndHeaders(init: RequestInit, given: Request | undefined): RequestInit {
  const method = init.method ?? given?.method;
  const headers = init.headers ?? given?.headers;
  return { ...(method && { method }), ...(headers && { headers }) };
}

/** @throws TypeError when it has been read already */
function bodyOf(init: RequestInit, given: Request | undefined): unknown {
  const isUsed = init.body == null && given?.bodyUsed === true;
  const body = init.body ?? given?.body ?? null;
  if (isUsed || (body instanceof ReadableStream && body.locked)) {
    throw new TypeError('the body has already been used');
  }
  return body;
}

/** Shows `Request` that there is a body, and whether it is a stream, but keeps its hands off it. */
function standIn(body: unknown): NonNullable<RequestInit['body']> {
  const isStream = typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
  return isStream ? new ReadableStream() : new Uint8Array();
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
