import { type Attributes, context, type Span, SpanStatusCode, trace } from '@opentelemetry/api';

/**
 * Does the work within a span: a child of the active one, and the parent of those that the work makes.
 * The span ends with the work, or when `signal` aborts; an error of either is recorded.
 */
export async function withinSpan<T>(
  name: string,
  attributes: Attributes,
  work: () => T | PromiseLike<T>,
  signal?: AbortSignal,
): Promise<T> {
  const span = trace.getTracer('@shopgpt/cache').startSpan(name, { attributes });
  const stop = () => end(span, signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const result = await context.with(trace.setSpan(context.active(), span), work);
    if (!signal?.aborted) span.end();
    return result;
  } catch (error) {
    if (!signal?.aborted) end(span, error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function end(span: Span, error: unknown): void {
  span.recordException(error instanceof Error ? error : String(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}
