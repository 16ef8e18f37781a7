import {
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Answer, Batch } from './batch.ts';
import { Crowd } from './crowd.ts';

const KEY = Symbol.for('opentelemetry.js.api.1');

/** Where all copies of the API's first version find what the application has set up. */
const everywhere: { readonly [KEY]?: { readonly context?: unknown } } & typeof globalThis =
  globalThis;

/** Whether somebody has set up OpenTelemetry: without that, no call needs to be asked for its span. */
export function isTracing(): boolean {
  return everywhere[KEY]?.context !== undefined;
}

/** The span of the running call. */
export function activeSpan(): SpanContext | undefined {
  return trace.getSpanContext(context.active());
}

/** Begins the span of a batch: a root, since it belongs to all of its callers alike, linked to each of their spans. */
export function beginSpan<Item, Result>(name: string, batch: Batch<Item, Result>): Span {
  return trace.getTracer('@shopgpt/batcher').startSpan(
    `batch ${name}`,
    {
      links: links(batch.answers),
      attributes: { 'batcher.name': name, 'batcher.size': batch.items.length },
    },
    ROOT_CONTEXT,
  );
}

/** Runs `call` as what happens within the span. */
export function within<T>(span: Span, call: () => T): T {
  return context.with(trace.setSpan(ROOT_CONTEXT, span), call);
}

export function recordFailure(span: Span, error: unknown): void {
  span.recordException(error instanceof Error ? error : String(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** One link per span, however many items were added within it. */
function links<Result>(answers: readonly Answer<Result>[]): Link[] {
  const bySpan = new Map<string, Link>();
  const add = ({ span }: { readonly span?: SpanContext | undefined }) => {
    if (span) bySpan.set(span.spanId, { context: span });
  };
  for (const answer of answers) {
    if (answer instanceof Crowd) for (const caller of answer.callers) add(caller);
    else add(answer);
  }
  return [...bySpan.values()];
}
