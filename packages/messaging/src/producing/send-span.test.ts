import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  INVALID_SPAN_CONTEXT,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { PendingRecord } from '../driver.ts';
import { DriverError } from '../errors.ts';
import { memory } from '../memory/index.ts';
import { createMessaging } from '../messaging.ts';
import { ScriptedProducer } from '../testing/scripted-producer.ts';
import { headerText } from '../topics/headers.ts';
import { defineTopic } from '../topics/topic.ts';

interface Recorded {
  readonly name: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly options: SpanOptions;
  readonly attributes: Attributes;
  status: string;
  ends: number;
}

const recorded: Recorded[] = [];

/** As much of a tracer as a message can use. */
function startSpan(name: string, options: SpanOptions = {}, parent = context.active()): Span {
  const spanId = `span${recorded.length}`;
  const parentId = trace.getSpanContext(parent)?.spanId;
  const attributes = { ...options.attributes };
  const entry: Recorded = { name, spanId, parentId, options, attributes, status: 'unset', ends: 0 };
  recorded.push(entry);
  const span = trace.wrapSpanContext({ ...INVALID_SPAN_CONTEXT, spanId });
  return Object.assign(span, {
    setAttribute: (key: string, value: string) => {
      entry.attributes[key] = value;
      return span;
    },
    recordException: () => undefined,
    setStatus: () => {
      entry.status = 'error';
      return span;
    },
    end: () => {
      entry.ends += 1;
    },
  });
}

const storage = new AsyncLocalStorage<Context>();
const manager: ContextManager = {
  active: () => storage.getStore() ?? ROOT_CONTEXT,
  with: (ctx, fn, self, ...args) => storage.run(ctx, () => fn.call(self ?? undefined, ...args)),
  bind: (_, target) => target,
  enable: () => manager,
  disable: () => manager,
};
const propagator: TextMapPropagator = {
  inject: (ctx, carrier, setter) =>
    setter.set(carrier, 'traceparent', `of ${trace.getSpanContext(ctx)?.spanId}`),
  extract: (ctx) => ctx,
  fields: () => ['traceparent'],
};

const topic = defineTopic({
  name: 'orders',
  partitions: 3,
  schema: z.string().nullable(),
  key: (m) => m,
});

function open() {
  const producer = new ScriptedProducer();
  const answer = { how: (record: PendingRecord) => record.written(7) };
  producer.onOffer = () => {
    for (const record of producer.take()) answer.how(record);
  };
  const driver = { ...memory(), producer: () => producer };
  const messaging = createMessaging({ name: 'shop', driver });
  return { messaging, producer, answer };
}

beforeEach(() => {
  recorded.length = 0;
  context.setGlobalContextManager(manager);
  propagation.setGlobalPropagator(propagator);
  trace.setGlobalTracerProvider({ getTracer: () => Object({ startSpan }) });
});

afterEach(() => {
  context.disable();
  propagation.disable();
  trace.disable();
});

test('a message is one span of its sender, and carries it', async () => {
  const { messaging, producer } = open();
  const request = startSpan('request');
  await context.with(trace.setSpan(ROOT_CONTEXT, request), () => messaging.send(topic, 'o1'));
  const [, span] = recorded;
  expect(span).toMatchObject({ name: 'send orders', parentId: 'span0', ends: 1, status: 'unset' });
  expect(span?.options.kind).toBe(SpanKind.PRODUCER);
  expect(span?.attributes).toEqual({
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.client.id': 'shop',
    'messaging.destination.name': 'orders',
    'messaging.destination.partition.id': expect.stringMatching(/^[012]$/),
    'messaging.kafka.offset': 7,
    'messaging.kafka.message.key': 'o1',
    'messaging.message.body.size': 4,
  });
  expect(headerText(producer.taken[0]?.headers ?? [], 'traceparent')).toBe('of span1');
});

test('each of many messages has its own', async () => {
  const { messaging } = open();
  await messaging.sendMany(topic, ['a', 'b']);
  expect(recorded.map(({ name, ends }) => [name, ends])).toEqual([
    ['send orders', 1],
    ['send orders', 1],
  ]);
});

test('a failure is told by its code', async () => {
  const { messaging, answer } = open();
  answer.how = (record) => record.failed(new DriverError('away', { isRetriable: true }), true);
  await expect(messaging.send(topic, 'o1')).rejects.toThrow('away');
  await expect(messaging.send(topic, Object(1))).rejects.toThrow('orders');
  expect(recorded).toMatchObject([
    { status: 'error', ends: 1, attributes: { 'error.type': 'ERR_MESSAGING_SEND' } },
    { status: 'error', ends: 1, attributes: { 'error.type': 'ERR_MESSAGING_SCHEMA' } },
  ]);
});

test('a tombstone is told as one, and an unknown offset not at all', async () => {
  const { messaging, answer } = open();
  answer.how = (record) => record.written(undefined);
  await messaging.send(topic, null, { key: 'o1' });
  expect(recorded[0]?.attributes).toMatchObject({ 'messaging.kafka.message.tombstone': true });
  expect(recorded[0]?.attributes).not.toHaveProperty('messaging.kafka.offset');
  expect(recorded[0]?.attributes).not.toHaveProperty('messaging.message.body.size');
});

test('without OpenTelemetry there is neither span nor header', async () => {
  context.disable();
  const { messaging, producer } = open();
  await messaging.send(topic, 'o1');
  expect(recorded).toEqual([]);
  expect(producer.taken[0]?.headers).toEqual([]);
});
