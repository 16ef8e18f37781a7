import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  type Exception,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { textRecord } from '../testing/scripted-driver.ts';
import { p0, scripted, scriptedBatches } from '../testing/scripted-subscription.ts';

interface Recorded {
  readonly name: string;
  readonly kind: SpanKind | undefined;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly links: readonly Link[];
  readonly attributes: Attributes;
  readonly exceptions: Exception[];
  hasFailed: boolean;
  hasEnded: boolean;
}

const recorded: Recorded[] = [];

/** As much of a tracer as a subscription uses. */
function startSpan(name: string, options: SpanOptions = {}, parent: Context = ROOT_CONTEXT): Span {
  const entry: Recorded = {
    name,
    kind: options.kind,
    spanId: String(recorded.length + 1).padStart(16, '0'),
    parentId: trace.getSpanContext(parent)?.spanId,
    links: options.links ?? [],
    attributes: { ...options.attributes },
    exceptions: [],
    hasFailed: false,
    hasEnded: false,
  };
  recorded.push(entry);
  const span = trace.wrapSpanContext(spanContext(entry.spanId));
  return Object.assign(span, {
    setAttribute: (key: string, value: string) => Object.assign(entry.attributes, { [key]: value }),
    recordException: (exception: Exception) => void entry.exceptions.push(exception),
    setStatus: () => Object.assign(entry, { hasFailed: true }),
    end: () => void Object.assign(entry, { hasEnded: true }),
  });
}

function spanContext(spanId: string): SpanContext {
  return { traceId: '1'.repeat(32), spanId, traceFlags: TraceFlags.SAMPLED };
}

const storage = new AsyncLocalStorage<Context>();
const manager: ContextManager = {
  active: () => storage.getStore() ?? ROOT_CONTEXT,
  with: (ctx, fn, self, ...args) => storage.run(ctx, () => fn.call(self ?? undefined, ...args)),
  bind: (_, target) => target,
  enable: () => manager,
  disable: () => manager,
};

beforeEach(() => {
  recorded.length = 0;
  context.setGlobalContextManager(manager);
  trace.setGlobalTracerProvider({
    getTracer: () => ({ startSpan, startActiveSpan: () => undefined }),
  });
  propagation.setGlobalPropagator({
    fields: () => ['traceparent'],
    inject: () => undefined,
    extract(ctx, carrier, getter) {
      const spanId = getter.get(carrier, 'traceparent');
      return spanId ? trace.setSpanContext(ctx, spanContext(String(spanId))) : ctx;
    },
  });
});

afterEach(() => {
  context.disable();
  trace.disable();
  propagation.disable();
});

const sentIn = (spanId: string) => [['traceparent', Buffer.from(spanId)]] as const;

test('handles a message within a span whose parent is the span of the sender', async () => {
  let active: string | undefined;
  const { start, driver, clock } = scripted(async () => {
    await undefined;
    active = trace.getSpanContext(context.active())?.spanId;
  });
  await start();
  driver.current.deliver(p0, [textRecord(7, 'a', '"text"', sentIn('a'.repeat(16)))]);
  await clock.pass(0);
  expect(recorded).toEqual([
    {
      name: 'process t',
      kind: SpanKind.CONSUMER,
      spanId: active,
      parentId: 'a'.repeat(16),
      links: [],
      attributes: {
        'messaging.system': 'kafka',
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 't',
        'messaging.destination.partition.id': '0',
        'messaging.consumer.group.name': 'g',
        'messaging.kafka.offset': 7,
        'messaging.kafka.message.key': 'a',
        'messaging.message.body.size': 6,
      },
      exceptions: [],
      hasFailed: false,
      hasEnded: true,
    },
  ]);
});

test('each attempt has a span of its own, and a failed one says why', async () => {
  const error = Object.assign(new Error('no'), { code: 'E_NO' });
  let calls = 0;
  const { start, deliver, clock } = scripted(() => {
    calls += 1;
    if (calls === 1) throw error;
  });
  await start();
  await deliver('plain');
  await clock.pass(1_000);
  expect(recorded.map(({ hasFailed, hasEnded }) => [hasFailed, hasEnded])).toEqual([
    [true, true],
    [false, true],
  ]);
  expect(recorded[0]?.exceptions).toEqual([error]);
  expect(recorded[0]?.attributes['error.type']).toBe('E_NO');
  expect(recorded[0]?.parentId).toBeUndefined();
  expect(recorded[0]?.attributes).not.toHaveProperty('messaging.kafka.message.key');
});

test('a message that cannot be read has a span too', async () => {
  const { start, driver, clock } = scripted(() => undefined);
  await start();
  driver.current.deliver(p0, [{ ...textRecord(0, 'a', ''), value: null }]);
  await clock.pass(0);
  expect(recorded[0]?.attributes).toMatchObject({
    'error.type': 'ERR_MESSAGING_SCHEMA',
    'messaging.kafka.message.tombstone': true,
  });
});

test('a batch is a root, linked to the spans of those that sent its messages', async () => {
  const { start, driver, clock } = scriptedBatches(() => undefined, { maxSize: 3 });
  await start();
  driver.current.deliver(p0, [
    textRecord(0, 'a', '"1"', sentIn('a'.repeat(16))),
    textRecord(1, 'a', '"2"'),
    textRecord(2, 'b', '"3"', sentIn('b'.repeat(16))),
  ]);
  await clock.pass(0);
  const [span] = recorded;
  expect(span).toMatchObject({ name: 'process t', parentId: undefined, hasEnded: true });
  expect(span?.attributes).toMatchObject({ 'messaging.batch.message_count': 3 });
  expect(span?.links.map(({ context: { spanId }, attributes }) => [spanId, attributes])).toEqual([
    ['a'.repeat(16), { 'messaging.kafka.offset': 0 }],
    ['b'.repeat(16), { 'messaging.kafka.offset': 2 }],
  ]);
});

test('without OpenTelemetry no span is made', async () => {
  context.disable();
  const seen: string[] = [];
  const { start, deliver } = scripted((message) => void seen.push(message));
  await start();
  await deliver('a:1');
  expect([seen, recorded]).toEqual([['1'], []]);
});
