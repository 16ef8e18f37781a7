import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  trace,
} from '@opentelemetry/api';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createCache } from './layered-cache.ts';
import { memoryTier } from './memory-tier.ts';
import { faultyTier } from './testing/index.ts';

interface Recorded {
  readonly name: string;
  readonly attributes: Attributes | undefined;
  readonly spanId: string;
  readonly parentId: string | undefined;
  error?: unknown;
  ends: number;
}

const recorded: Recorded[] = [];

/** As much of a tracer as a cache can use. */
function startSpan(name: string, { attributes }: SpanOptions = {}): Span {
  const spanId = `span${recorded.length}`;
  const parentId = trace.getSpanContext(context.active())?.spanId;
  const entry: Recorded = { name, attributes, spanId, parentId, ends: 0 };
  recorded.push(entry);
  const span = trace.wrapSpanContext({ ...INVALID_SPAN_CONTEXT, spanId });
  return Object.assign(span, {
    recordException: (error: unknown) => {
      entry.error = error;
    },
    setStatus: () => span,
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

const requestSpan = async <T>(run: () => Promise<T>): Promise<T> =>
  context.with(trace.setSpan(context.active(), startSpan('request')), run);
const find = (name: string) => recorded.filter((span) => span.name === name);
const names = () => recorded.map(({ name }) => name);

beforeEach(() => {
  recorded.length = 0;
  context.setGlobalContextManager(manager);
  trace.setGlobalTracerProvider({ getTracer: () => Object({ startSpan }) });
});

afterEach(() => {
  context.disable();
  trace.disable();
});

test('a load is a span within that of its caller, and of what the loader does', async () => {
  await using cache = createCache<string>({ name: 'user', ttlMs: 1000 });
  const load = async () => {
    await null;
    startSpan('query');
    return 'value';
  };
  await requestSpan(() => cache.getOrSet('a', load));
  const [span] = find('load user');
  expect(span).toMatchObject({
    attributes: { 'cache.name': 'user', 'cache.keys': 1 },
    parentId: find('request')[0]?.spanId,
    ends: 1,
  });
  expect(span?.error).toBeUndefined();
  expect(find('query')[0]?.parentId).toBe(span?.spanId);
});

test('a hit in memory is no span', async () => {
  await using cache = createCache<string>({ name: 'user', ttlMs: 1000, l2: memoryTier() });
  await cache.set('a', 'value');
  recorded.length = 0;
  await cache.getOrSet('a', () => 'other');
  await cache.get('a');
  cache.peek('a');
  expect(recorded).toEqual([]);
});

test('a load of many keys is one span', async () => {
  await using cache = createCache<string>({ name: 'user', ttlMs: 1000 });
  await requestSpan(() => cache.getMany(['a', 'b', 'c'], () => new Map([['a', 'value']])));
  expect(find('load user')).toMatchObject([
    { attributes: { 'cache.name': 'user', 'cache.keys': 3 }, ends: 1 },
  ]);
});

test('a load that fails says why', async () => {
  await using cache = createCache<string>({ name: 'user', ttlMs: 1000 });
  const error = new Error('database is away');
  const loads = [() => Promise.reject(error), () => Promise.reject('no')];
  for (const load of loads) await cache.getOrSet('a', load).catch(() => undefined);
  expect(find('load user')).toMatchObject([
    { error, ends: 1 },
    { error: 'no', ends: 1 },
  ]);
});

test('the span of a load that nobody waits for any more ends at once, and once', async () => {
  await using cache = createCache<string>({ name: 'user', ttlMs: 1000 });
  const row = Promise.withResolvers<string>();
  const controller = new AbortController();
  const { signal } = controller;
  const call = cache.getOrSet('a', () => row.promise, { signal });
  await vi.waitFor(() => expect(find('load user')).toHaveLength(1));
  controller.abort(new Error('bye'));
  await expect(call).rejects.toThrow('bye');
  expect(find('load user')).toMatchObject([{ error: signal.reason, ends: 1 }]);
  row.resolve('late');
  await vi.waitFor(() => expect(cache.stats().abandonedLoads).toBe(0));
  expect(find('load user')).toMatchObject([{ error: signal.reason, ends: 1 }]);
});

test('each operation of L2 that somebody waits for is a span, those that wait for none are not', async () => {
  const { leases: _, ...tier } = memoryTier();
  await using cache = createCache<string>({ name: 'user', ttlMs: 1000, l2: tier });
  await requestSpan(() => cache.getOrSet('a', () => 'value'));
  // The value and the id of the tag that every value has are read together; then the id is made.
  expect(names()).toEqual(['request', 'memory read', 'memory write', 'load user', 'memory write']);
  expect(find('memory read')).toMatchObject([
    { attributes: { 'cache.tier': 'memory' }, parentId: find('request')[0]?.spanId, ends: 1 },
  ]);
  recorded.length = 0;
  await using leasing = createCache<string>({ name: 'leased', ttlMs: 1000, l2: memoryTier() });
  await leasing.getOrSet('a', ({ skip }) => {
    recorded.length = 0;
    skip();
    return 'value';
  });
  expect(names()).toEqual([]);
});

test('an operation of L2 that fails says why, though no caller sees it; one that is not tried is no span', async () => {
  const tier = faultyTier(memoryTier());
  await using cache = createCache<string>({ name: 'user', ttlMs: 1000, l2: tier });
  tier.fail();
  await cache.get('a');
  const error = expect.objectContaining({ message: 'read fails on purpose' });
  expect(recorded).toMatchObject([{ name: 'memory read', error, ends: 1 }]);
  await cache.get('a');
  expect(recorded).toHaveLength(1);
});

test('without OpenTelemetry everything is as usual', async () => {
  trace.disable();
  context.disable();
  await using cache = createCache<string>({ name: 'user', ttlMs: 1000, l2: memoryTier() });
  expect(await cache.getOrSet('a', () => 'value')).toBe('value');
  expect(recorded).toEqual([]);
});
