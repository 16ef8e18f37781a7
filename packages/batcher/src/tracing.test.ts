import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  type ContextManager,
  context,
  INVALID_SPAN_CONTEXT,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  trace,
} from '@opentelemetry/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createBatcher } from './index.ts';
import { manualClock, scriptedBackend } from './testing/index.ts';

interface Recorded {
  readonly name: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly options: SpanOptions;
  failed: boolean;
  ended: boolean;
}

const recorded: Recorded[] = [];

/** As much of a tracer as a batch can use. */
function startSpan(
  name: string,
  options: SpanOptions = {},
  parent: Context = context.active(),
): Span {
  const spanId = `span${recorded.length}`;
  const parentId = options.root ? undefined : trace.getSpanContext(parent)?.spanId;
  const entry: Recorded = { name, spanId, parentId, options, failed: false, ended: false };
  recorded.push(entry);
  const span = trace.wrapSpanContext({ ...INVALID_SPAN_CONTEXT, spanId });
  return Object.assign(span, {
    recordException: () => undefined,
    setStatus: () => {
      entry.failed = true;
      return span;
    },
    end: () => {
      entry.ended = true;
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

const requestSpan = async <T>(name: string, run: () => Promise<T>): Promise<T> =>
  context.with(trace.setSpan(context.active(), startSpan(name)), run);
const linkedTo = (links: readonly Link[] = []) => links.map((link) => link.context.spanId);
const find = (name: string) => recorded.filter((span) => span.name === name);

beforeEach(() => {
  recorded.length = 0;
  context.setGlobalContextManager(manager);
  const tracer = { startSpan, startActiveSpan: () => undefined };
  trace.setGlobalTracerProvider({ getTracer: () => Object(tracer) });
});

afterEach(() => {
  context.disable();
  trace.disable();
});

test('a batch is one root span, linked once to the span of each of its callers', async () => {
  const batcher = createBatcher<number, number>({ name: 'stock', process: (items) => items });
  await Promise.all([
    requestSpan('a', () => Promise.all([batcher.add(1), batcher.add(2)])),
    requestSpan('b', () => batcher.add(3)),
    batcher.add(4),
  ]);
  const [span] = find('batch stock');
  expect(span).toMatchObject({ parentId: undefined, ended: true, failed: false });
  expect(span?.options.attributes).toEqual({ 'batcher.name': 'stock', 'batcher.size': 4 });
  expect(linkedTo(span?.options.links)).toEqual([find('a')[0]?.spanId, find('b')[0]?.spanId]);
});

test('callers who share an item are all linked; one who left is not', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const batcher = createBatcher<number, number>({ process: (items) => items, dedupeKey: (n) => n });
  const names = ['a', 'b', 'c'];
  const options = [{}, { signal }, {}];
  const answers = names.map((name, i) => requestSpan(name, () => batcher.add(1, options[i])));
  controller.abort('gone');
  await Promise.allSettled(answers);
  const [span] = find('batch batcher');
  expect(linkedTo(span?.options.links)).toEqual([find('a')[0]?.spanId, find('c')[0]?.spanId]);
});

test('what process does belongs to the span of the batch', async () => {
  const batcher = createBatcher<number, number>({
    async process(items) {
      await null;
      startSpan('query');
      return items;
    },
  });
  await requestSpan('a', () => batcher.add(1));
  expect(find('query')[0]?.parentId).toBe(find('batch batcher')[0]?.spanId);
});

test('the span of a failed batch says so, and ends', async () => {
  const backend = scriptedBackend<number>(() => {
    throw new Error('down');
  });
  const batcher = createBatcher({ process: backend.process });
  await expect(batcher.add(1)).rejects.toThrow('down');
  await batcher.flush();
  expect(find('batch batcher')).toMatchObject([{ failed: true, ended: true }]);
});

test('process sees the async context of no caller, neither in the first batch nor in one that waited', async () => {
  const request = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const batcher = createBatcher<string, string>({
    concurrency: 1,
    async process(items) {
      seen.push(request.getStore());
      await null;
      seen.push(request.getStore());
      return items;
    },
  });
  const add = (name: string) =>
    request.run(name, async () => {
      await batcher.add(name);
      return request.getStore();
    });
  const first = add('a');
  await new Promise((resolve) => process.nextTick(() => setImmediate(resolve)));
  const more = [add('b'), add('c')];
  expect(await Promise.all([first, ...more])).toEqual(['a', 'b', 'c']);
  expect(seen).toEqual([undefined, undefined, undefined, undefined]);
});

test('process sees the context of no caller when its batch was full, was flushed or waited for company', async () => {
  const request = new AsyncLocalStorage<string>();
  const clock = manualClock();
  const seen: unknown[] = [];
  const batcher = createBatcher<string, string>({
    maxSize: 2,
    maxWaitMs: 10,
    clock,
    process: async (items) => {
      seen.push([items.length, request.getStore()]);
      return items;
    },
  });
  const inRequest = async (...items: string[]) => {
    const added = items.map((item) => batcher.add(item));
    return { answers: () => Promise.all(added) };
  };
  await (await request.run('full', inRequest, 'a', 'b')).answers();
  const waiting = await request.run('waiting', inRequest, 'c');
  request.run('timer', () => clock.advance(10));
  await waiting.answers();
  const flushed = await request.run('flushed', inRequest, 'd');
  await request.run('flush', () => batcher.flush());
  await flushed.answers();
  expect(seen).toEqual([
    [2, undefined],
    [1, undefined],
    [1, undefined],
  ]);
});

test('where nobody can tell the callers apart by their spans, a batch has none', async () => {
  context.disable();
  const batcher = createBatcher<number, number>({ process: (items) => items });
  await batcher.add(1);
  await batcher.flush();
  expect(find('batch batcher')).toEqual([]);
});
