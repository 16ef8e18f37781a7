import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import CircuitBreaker from 'opossum';
import PrometheusMetrics from 'opossum-prometheus';
import { describe, expect, test, vi } from 'vitest';
import { BreakerOpenError } from '../src/index.ts';
import { OpossumBreaker } from '../src/opossum/index.ts';
import { manualClock } from '../src/testing/index.ts';

const down = new Error('down');
const fail = () => Promise.reject(down);
const quietly = (call: Promise<unknown>) => call.catch((error: unknown) => error);

describe('what is used of opossum without being in its types', () => {
  test('is still there', () => {
    const circuit = new CircuitBreaker(fail) as object as Record<string, unknown>;
    expect(circuit['options']).toMatchObject({
      timeout: 10_000,
      resetTimeout: 30_000,
      rollingCountTimeout: 10_000,
      capacity: Number.MAX_SAFE_INTEGER,
      cacheTTL: 0,
      coalesce: false,
      coalesceResetOn: [],
    });
    expect(circuit['action']).toBe(fail);
    expect(circuit['semaphore']).toMatchObject({ test: expect.any(Function) });
    expect(circuit['getSignal']).toBeTypeOf('function');
    const status = circuit['status'] as Record<string, unknown>;
    for (const name of ['rotateBucket', 'increment', 'open', 'close', 'shutdown']) {
      expect(status[name]).toBeTypeOf('function');
    }
    (circuit['shutdown'] as () => void).call(circuit);
  });

  test('has the same events that it counts by listening to itself', () => {
    const bare = new CircuitBreaker(fail);
    const ours = new OpossumBreaker(fail);
    expect(ours.eventNames().sort()).toEqual(bare.eventNames().sort());
    bare.shutdown();
  });

  test('is an instance, and has the shape of one', () => {
    const circuit: CircuitBreaker<[number, number], number> = new OpossumBreaker(
      async (a: number, b: number) => a + b,
      { name: 'sum', group: 'arithmetic' },
    );
    expect(circuit).toBeInstanceOf(CircuitBreaker);
    expect([circuit.name, circuit.group, circuit.enabled]).toEqual(['sum', 'arithmetic', true]);
  });
});

describe("opossum's documented examples", () => {
  test('an action with its arguments, and a plain value in the place of one', async () => {
    const options = { timeout: 3_000, errorThresholdPercentage: 50, resetTimeout: 30_000 };
    const breaker = new OpossumBreaker(async (x: number, y: number) => x * y, options);
    expect(await breaker.fire(6, 7)).toBe(42);
    expect(await new OpossumBreaker('foo', options).fire()).toBe('foo');
  });

  test('a promisified function of Node', async () => {
    const breaker = new OpossumBreaker(promisify(setTimeoutCallback));
    expect(await breaker.fire(1)).toBe('called back');
    const reading = new OpossumBreaker(readFile);
    expect(String(await reading.fire(new URL(import.meta.url), 'utf8'))).toContain('called back');
  });

  test('an AbortController aborts a request at the timeout', async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const closed = new Promise((resolve) => server.on('connection', (s) => s.on('close', resolve)));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const abortController = new AbortController();
    const breaker = new OpossumBreaker((signal: AbortSignal) => fetch(url, { signal }), {
      abortController,
      timeout: 50,
    });
    const error = await quietly(breaker.fire(abortController.signal));
    expect(error).toMatchObject({ code: 'ETIMEDOUT', message: 'Timed out after 50ms' });
    await closed;
    await new Promise((resolve) => server.close(resolve));
  });

  test('autoRenewAbortController gives a fresh signal after an aborted one', async () => {
    const clock = manualClock();
    const breaker = new OpossumBreaker(() => new Promise(() => undefined), {
      autoRenewAbortController: true,
      timeout: 100,
      clock,
    });
    const signal = breaker.getSignal();
    quietly(breaker.fire());
    await clock.advance(100);
    expect(signal?.aborted).toBe(true);
    await clock.advance(30_001);
    expect(breaker.halfOpen).toBe(true);
    expect(breaker.getSignal()?.aborted).toBe(false);
  });

  test('a fallback answers, and is told the arguments and the error', async () => {
    const breaker = new OpossumBreaker((_user: string) => fail());
    const onFallback = vi.fn();
    breaker.on('fallback', onFallback);
    breaker.fallback((user: string, error: Error) => `${user}: ${error.message}`);
    expect(await breaker.fire('ann')).toBe('ann: down');
    expect(onFallback).toHaveBeenCalledWith('ann: down', down);
    const other = new OpossumBreaker(async () => 'another circuit');
    expect(await breaker.fallback(other).fire('ann')).toBe('another circuit');
  });

  test('errorFilter lets an error be a success, which is thrown all the same', async () => {
    const errorFilter = (error: { statusCode: number }) => error.statusCode === 404;
    const breaker = new OpossumBreaker(() => Promise.reject({ statusCode: 404 }), { errorFilter });
    breaker.fallback(() => 'not asked');
    for (let i = 0; i < 5; i += 1) {
      await expect(breaker.fire()).rejects.toEqual({ statusCode: 404 });
    }
    expect(breaker.closed).toBe(true);
    expect(breaker.stats).toMatchObject({ fires: 5, successes: 5, failures: 0 });
  });

  test('toJSON and the state and status options carry a circuit to the next process', async () => {
    const clock = manualClock();
    const first = new OpossumBreaker(fail, { clock, volumeThreshold: 2 });
    for (let i = 0; i < 3; i += 1) await quietly(first.fire());
    const { state, status } = JSON.parse(JSON.stringify(first.toJSON()));
    expect(state).toMatchObject({ closed: false, open: true, halfOpen: false, shutdown: false });
    clock.jump(20_000);
    const second = new OpossumBreaker(fail, { clock, state, status });
    expect(second.opened).toBe(true);
    expect(second.stats).toMatchObject({ fires: 3, failures: 2, rejects: 1 });
    clock.jump(10_001);
    expect(second.halfOpen).toBe(true);
    for (const [given, getter] of [
      [{ halfOpen: true, closed: false }, 'halfOpen'],
      [{ shutdown: true }, 'isShutdown'],
      [{ closed: true }, 'closed'],
    ] as const) {
      expect(new OpossumBreaker(fail, { state: given })[getter]).toBe(true);
    }
    expect(new OpossumBreaker(fail, { state: { enabled: false } }).enabled).toBe(false);
  });

  test('newStatus primes the statistics', () => {
    const stats = { fires: 16, failures: 11 } as CircuitBreaker.Stats;
    const status = OpossumBreaker.newStatus({
      stats,
      rotateBucketController: new EventEmitter(),
      enableSnapshots: false,
    });
    expect(new OpossumBreaker(fail, { status }).stats).toMatchObject({ fires: 16, failures: 11 });
  });
});

function setTimeoutCallback(ms: number, done: (error: Error | null, value: string) => void): void {
  setTimeout(() => done(null, 'called back'), ms);
}

test('a published exporter for Prometheus runs unchanged', async () => {
  const clock = manualClock();
  let up = false;
  const breaker = new OpossumBreaker(async () => (up ? 'up' : fail()), { name: 'users', clock });
  // The exporter's own copy, whatever other versions there are.
  const exporterPath = createRequire(import.meta.url).resolve('opossum-prometheus');
  const { Registry } = createRequire(exporterPath)('prom-client') as { Registry: new () => object };
  const registry = new Registry();
  const exporter = new PrometheusMetrics({ circuits: [breaker], registry });
  await quietly(breaker.fire());
  await quietly(breaker.fire());
  await clock.advance(30_001);
  up = true;
  for (let i = 0; i < 3; i += 1) await breaker.fire();
  const metrics = exporter.metrics;
  const count = (event: string) =>
    Number(metrics.match(new RegExp(`circuit{name="users",event="${event}"} (\\d+)`))?.[1] ?? 0);
  expect(['fire', 'failure', 'open', 'reject', 'success', 'close'].map(count)).toEqual([
    5, 1, 1, 1, 3, 1,
  ]);
  expect(metrics).toContain('circuit_perf_count{name="users",event="success"} 3');
});

describe('events', () => {
  test('come with the arguments that opossum gives them', async () => {
    const clock = manualClock();
    const breaker = new OpossumBreaker(
      (how: string) => (how === 'hang' ? new Promise(() => undefined) : fail()),
      { clock, timeout: 100, capacity: 1 },
    );
    const heard: [string, ...unknown[]][] = [];
    for (const event of [
      'fire',
      'failure',
      'timeout',
      'semaphoreLocked',
      'open',
      'reject',
      'halfOpen',
      'close',
    ]) {
      breaker.on(event as 'open', (...args: unknown[]) => heard.push([event, ...args]));
    }
    quietly(breaker.fire('hang'));
    await quietly(breaker.fire('locked'));
    await clock.advance(100);
    await quietly(breaker.fire('refused'));
    await clock.advance(30_001);
    breaker.close();
    const code = (code: string) => expect.objectContaining({ code });
    expect(heard).toEqual([
      ['fire', ['hang']],
      ['fire', ['locked']],
      ['semaphoreLocked', code('ESEMLOCKED'), 0],
      ['timeout', code('ETIMEDOUT'), 100, ['hang']],
      ['failure', code('ETIMEDOUT'), 100, ['hang']],
      ['open'],
      ['fire', ['refused']],
      ['reject', code('EOPENBREAKER')],
      ['halfOpen', 30_000],
      ['close'],
    ]);
    expect(breaker.stats).toMatchObject({ fires: 0, timeouts: 0 });
  });

  test('reach who listens only after all others were removed', async () => {
    const breaker = new OpossumBreaker(async () => 'up');
    const [first, second] = [vi.fn(), vi.fn()];
    breaker.on('success', first);
    breaker.removeAllListeners();
    breaker.on('success', second);
    await breaker.fire();
    breaker.removeAllListeners('success');
    await breaker.fire();
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
    breaker.removeAllListeners('newListener');
    breaker.once('success', first);
    await breaker.fire();
    expect(first).toHaveBeenCalledOnce();
  });

  test('of a snapshot come for as long as somebody listens', async () => {
    const clock = manualClock();
    const breaker = new OpossumBreaker(async () => 'up', { clock });
    const heard: CircuitBreaker.Stats[] = [];
    const listener = (stats: CircuitBreaker.Stats) => heard.push(stats);
    const another = () => undefined;
    breaker.status.on('snapshot', another).on('snapshot', listener);
    await breaker.fire();
    breaker.status.off('snapshot', another);
    await clock.advance(3_000);
    expect(heard.map(({ fires }) => fires)).toEqual([1, 1, 1]);
    breaker.status.off('snapshot', listener);
    await clock.advance(20_000);
    expect(heard).toHaveLength(3);
    expect(clock.timers).toBe(0);
  });

  test('reach who asks for our errors by their kind', async () => {
    const breaker = new OpossumBreaker(fail);
    breaker.open();
    const error = await quietly(breaker.fire());
    expect(OpossumBreaker.isOurError(error as Error)).toBe(true);
    expect(OpossumBreaker.isOurError(down)).toBe(false);
    expect((error as Error).cause).toBeInstanceOf(BreakerOpenError);
    breaker.shutdown();
    await expect(breaker.fire()).rejects.toMatchObject({ code: 'ESHUTDOWN' });
  });
});

describe('statistics', () => {
  test('roll over the window without a timer, or by the beat that is given', async () => {
    const clock = manualClock();
    const beat = new EventEmitter();
    const own = new OpossumBreaker(async () => 'up', { clock });
    const beaten = new OpossumBreaker(async () => 'up', { clock, rotateBucketController: beat });
    const fires = () => [own.stats.fires, beaten.stats.fires];
    await Promise.all([own.fire(), beaten.fire()]);
    clock.jump(9_999);
    expect(fires()).toEqual([1, 1]);
    clock.jump(1);
    expect(fires()).toEqual([0, 1]);
    for (let i = 0; i < 10; i += 1) beat.emit('rotate');
    expect(fires()).toEqual([0, 0]);
    beaten.shutdown();
    expect(beat.listenerCount('rotate')).toBe(0);
  });

  test('have percentiles of the latencies, or -1 when these are off', async () => {
    const clock = manualClock();
    const action = async (ms: number) => clock.jump(ms);
    const breaker = new OpossumBreaker(action, { clock });
    for (const ms of [10, 20, 30]) await breaker.fire(ms);
    expect(breaker.stats).toMatchObject({ latencyMean: 20, percentiles: { 0.5: 20, 1: 30 } });
    const without = new OpossumBreaker(action, { clock, rollingPercentilesEnabled: false });
    await without.fire(10);
    expect(without.stats.latencyMean).toBe(-1);
  });
});

describe('options', () => {
  test('cache and coalesce answer without the action', async () => {
    const action = vi.fn(async (key: string) => `value of ${key}`);
    const cached = new OpossumBreaker(action, { cache: true });
    expect(await cached.fire('a')).toBe('value of a');
    expect(await cached.fire('a')).toBe('value of a');
    expect(await cached.fire('b')).toBe('value of b');
    expect(action).toHaveBeenCalledTimes(2);
    expect(cached.stats).toMatchObject({ cacheHits: 1, cacheMisses: 2 });
    cached.clearCache();
    await cached.fire('a');
    expect(action).toHaveBeenCalledTimes(3);

    action.mockClear();
    const coalesced = new OpossumBreaker(action, { coalesce: true, coalesceResetOn: ['success'] });
    await Promise.all([coalesced.fire('a'), coalesced.fire('a')]);
    expect(action).toHaveBeenCalledTimes(1);
    await coalesced.fire('a');
    expect(action).toHaveBeenCalledTimes(2);
    expect(coalesced.stats).toMatchObject({ coalesceCacheHits: 1, coalesceCacheMisses: 2 });
  });

  test.each([
    ['openMs', { openMs: 1_000, resetTimeout: 60_000 }],
    ['openMs as a function', { openMs: (timesOpened: number) => timesOpened * 1_000 }],
    ['resetTimeout', { resetTimeout: 1_000 }],
  ])('%s says how long open() lasts', (_name, options) => {
    const clock = manualClock();
    const breaker = new OpossumBreaker(async () => 1, { ...options, clock });
    breaker.open();
    clock.jump(1_000);
    expect(breaker.opened).toBe(true);
    clock.jump(1);
    expect(breaker.halfOpen).toBe(true);
  });

  test('capacity is given back by success and by failure', async () => {
    let up = true;
    const options = { capacity: 1, errorThresholdPercentage: 100 };
    const breaker = new OpossumBreaker(async () => (up ? 'up' : fail()), options);
    for (up of [true, true, false, false, true]) await quietly(breaker.fire());
    expect(breaker.stats).toMatchObject({ successes: 3, failures: 2, semaphoreRejections: 0 });
  });

  test('allowWarmUp keeps it closed at first', async () => {
    const clock = manualClock();
    const breaker = new OpossumBreaker(fail, { clock, allowWarmUp: true });
    await quietly(breaker.fire());
    expect([breaker.warmUp, breaker.closed]).toEqual([true, true]);
    clock.jump(10_000);
    await quietly(breaker.fire());
    expect([breaker.warmUp, breaker.closed]).toEqual([false, false]);
  });

  test('enabled: false calls the action unprotected', async () => {
    const breaker = new OpossumBreaker(fail, { enabled: false });
    for (let i = 0; i < 5; i += 1) await quietly(breaker.fire());
    expect(breaker.closed).toBe(true);
    breaker.enable();
    await quietly(breaker.fire());
    expect(breaker.opened).toBe(true);
  });

  test('of ours decide where both are given', async () => {
    const clock = manualClock();
    const options = { resetTimeout: 1_000, openMs: 5_000, maxRequests: 1, clock };
    const breaker = new OpossumBreaker(async () => 'up', options);
    breaker.breaker.import({ ...breaker.breaker.export(), state: 'half-open' });
    expect([breaker.halfOpen, breaker.pendingClose]).toEqual([true, true]);
    const trial = breaker.fire();
    expect(breaker.pendingClose).toBe(false);
    await trial;
    expect(breaker.closed).toBe(true);
  });

  test('of a health check open it and say why', async () => {
    const clock = manualClock();
    const breaker = new OpossumBreaker(async () => 'up', { clock });
    const heard: unknown[] = [];
    breaker.on('healthCheckFailed', (error) => heard.push(error));
    let healthy = true;
    breaker.healthCheck(() => (healthy ? Promise.resolve() : fail()), 1_000);
    await clock.advance(2_000);
    expect(breaker.closed).toBe(true);
    healthy = false;
    await clock.advance(1_000);
    expect([breaker.opened, heard]).toEqual([true, [down]]);
    breaker.shutdown();
    expect(clock.timers).toBe(0);
    expect(() => breaker.healthCheck('no' as never)).toThrow('must be a function');
    expect(() => breaker.healthCheck(fail, 'no' as never)).toThrow('must be a number');
  });
});

test('the door has these names and no others', async () => {
  expect(Object.keys(await import('../src/opossum/index.ts')).sort()).toEqual([
    'OpossumBreaker',
    'fromOpossum',
  ]);
});
