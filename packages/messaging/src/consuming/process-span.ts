import {
  type Attributes,
  type Context,
  context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api';
import { errorType, attributeNames as names } from '../attributes.ts';
import type { RawHeader, StoredRecord } from '../record.ts';
import { headerText } from '../topics/headers.ts';
import { isTracing } from '../tracing.ts';
import type { Task } from './task.ts';

const fromHeaders: TextMapGetter<readonly RawHeader[]> = {
  get: (headers, name) => headerText(headers, name),
  keys: (headers) => headers.map(([name]) => name),
};

/**
 * Runs a call of a handler within a span that is the active one: a child of the span in which the message
 * was sent; for a batch a root that is linked to each. Without OpenTelemetry it only runs it.
 */
export function processed(task: Task, group: string, run: () => Promise<void>): Promise<void> {
  return isTracing() ? traced(task, group, run) : run();
}

async function traced(task: Task, group: string, run: () => Promise<void>): Promise<void> {
  const { parent, links, attributes } = describe(task, group);
  const span = trace
    .getTracer('@shopgpt/messaging')
    .startSpan(
      `process ${task.held.topic}`,
      { kind: SpanKind.CONSUMER, links, attributes },
      parent,
    );
  try {
    await context.with(trace.setSpan(parent, span), run);
  } catch (error) {
    span.recordException(error instanceof Error ? error : String(error));
    span.setAttribute(names.errorType, errorType(error));
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

interface Description {
  readonly parent: Context;
  readonly links: Link[];
  readonly attributes: Attributes;
}

function describe({ held, arrivals, first }: Task, group: string): Description {
  const attributes = {
    [names.system]: 'kafka',
    [names.operationName]: 'process',
    [names.operationType]: 'process',
    [names.topic]: held.topic,
    [names.partition]: String(held.partition),
    [names.group]: group,
  };
  if (arrivals.length === 1) {
    const { record } = first;
    return {
      parent: sentIn(record),
      links: [],
      attributes: { ...attributes, ...attributesOf(record) },
    };
  }
  const links = arrivals.flatMap(({ record }) => {
    const sent = trace.getSpanContext(sentIn(record));
    return sent ? [{ context: sent, attributes: { [names.offset]: record.offset } }] : [];
  });
  const batchSize = arrivals.length;
  return {
    parent: ROOT_CONTEXT,
    links,
    attributes: { ...attributes, [names.batchSize]: batchSize },
  };
}

function attributesOf({ key, value, offset }: StoredRecord): Attributes {
  return {
    [names.offset]: offset,
    ...(key && { [names.key]: Buffer.from(key).toString() }),
    ...(value ? { [names.bodySize]: value.length } : { [names.tombstone]: true }),
  };
}

/** The context of whoever sent the record, as its headers say. */
function sentIn({ headers }: StoredRecord): Context {
  return propagation.extract(ROOT_CONTEXT, headers, fromHeaders);
}
