import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import { type Breaker, createBreaker } from './breaker.ts';
import { BreakerOpenError, HalfOpenBusyError } from './errors.ts';
import type { BreakerOptions } from './options.ts';

const down = new Error('the dependency is down');

function manual(options: BreakerOptions = {}) {
  const time = { nowMs: 1_000 };
  const breaker = createBreaker({ name: 'users', ...options, clock: { now: () => time.nowMs } });
  return { breaker, time };
}

async function fail(breaker: Breaker, times = 1): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    await expect(breaker.execute(() => Promise.reject(down))).rejects.toBe(down);
  }
}

/** A call that settles when told to. */
function pending(breaker: Breaker, signal?: AbortSignal) {
  const work = Promise.withResolvers<string>();
  const call = breaker.execute(() => work.promise, { signal });
  return { ...work, call };
}

describe('a closed breaker', () => {
  test('settles as the function does', async () => {
    const { breaker } = manual();
    await expect(breaker.execute(() => 'a value')).resolves.toBe('a value');
    await expect(breaker.execute(async () => 'a promise')).resolves.toBe('a promise');
    await fail(breaker);
    const thrown = () => {
      throw down;
    };
    await expect(breaker.execute(thrown)).rejects.toBe(down);
    expect(breaker.counts).toEqual({
      requests: 4,
      successes: 2,
      failures: 2,
      exclusions: 0,
      consecutiveSuccesses: 0,
      consecutiveFailures: 2,
      completed: 4,
      slow: 0,
    });
  });

  test('gives leave and is told the outcome in two steps, too', () => {
    const { breaker } = manual({ maxRequests: 1 });
    breaker.admit().succeeded('a value');
    for (let i = 0; i < 2; i += 1) breaker.admit().failed(down);
    expect(breaker.state).toBe('open');
    expect(() => breaker.admit()).toThrow(BreakerOpenError);
  });

  test('wraps a function, keeping its arguments and its type', async () => {
    const { breaker } = manual();
    const add = breaker.wrap(async (_ctx, a: number, b: number) => a + b);
    expectTypeOf(add).toEqualTypeOf<(a: number, b: number) => Promise<number>>();
    expect(await add(1, 2)).toBe(3);
  });

  test('clears its counts when more than intervalMs has passed', async () => {
    const { breaker, time } = manual({ intervalMs: 10 });
    await fail(breaker);
    time.nowMs += 10;
    expect(breaker.counts.failures).toBe(1);
    time.nowMs += 1;
    expect(breaker.counts.failures).toBe(0);
  });

  test('reads the clock once for a success, and twice for a failure', async () => {
    const now = vi.fn(() => 0);
    const breaker = createBreaker({ clock: { now } });
    now.mockClear();
    await breaker.execute(() => 1);
    expect(now).toHaveBeenCalledTimes(1);
    await fail(breaker);
    expect(now).toHaveBeenCalledTimes(3);
  });

  test('counts the calls that took at least slowCallMs, and may open because of them', async () => {
    const { breaker, time } = manual({
      slowCallMs: 100,
      readyToTrip: ({ slow, completed }) => slow / completed >= 0.5,
    });
    await breaker.execute(() => (time.nowMs += 99));
    expect(breaker.counts.slow).toBe(0);
    await breaker.execute(() => (time.nowMs += 100));
    expect(breaker.state).toBe('open');
    expect(breaker.stats()).toMatchObject({ successes: 2, slow: 1, opened: 1 });
  });

  test('forgets a slow call when its bucket leaves the window', async () => {
    const { breaker, time } = manual({ slowCallMs: 5, intervalMs: 30, bucketMs: 10 });
    await breaker.execute(() => {
      time.nowMs += 5;
    });
    expect(breaker.counts.slow).toBe(1);
    time.nowMs += 15;
    expect(breaker.counts.slow).toBe(1);
    time.nowMs += 10;
    expect(breaker.counts).toMatchObject({ slow: 0, completed: 0 });
  });

  test('excludes what classify excludes', async () => {
    const { breaker } = manual({
      classify: (outcome) => (outcome.ok && outcome.value === 404 ? 'excluded' : 'failure'),
    });
    await breaker.execute(() => 404);
    await breaker.execute(() => 500);
    expect(breaker.counts).toMatchObject({ exclusions: 1, failures: 1, successes: 0 });
  });

  test('excludes the refusal of a breaker further in, without asking classify', async () => {
    const inner = manual().breaker;
    inner.isolate();
    const classify = vi.fn(() => 'failure' as const);
    const { breaker } = manual({ classify });
    await expect(breaker.execute(() => inner.execute(() => 1))).rejects.toThrow(BreakerOpenError);
    expect(breaker.counts).toMatchObject({ requests: 1, exclusions: 1, failures: 0 });
    expect(classify).not.toHaveBeenCalled();
  });
});

describe('an open breaker', () => {
  test('refuses with an error that says who, and for how long', async () => {
    const { breaker, time } = manual({ openMs: 5_000 });
    await fail(breaker, 3);
    time.nowMs += 1_000;
    const fn = vi.fn();
    const refusal = await breaker.execute(fn).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(BreakerOpenError);
    expect(refusal).toMatchObject({
      name: 'BreakerOpenError',
      code: 'ERR_BREAKER_OPEN',
      breaker: 'users',
      retryAfterMs: 4_000,
      message: 'breaker "users" is open',
    });
    expect(fn).not.toHaveBeenCalled();
  });

  test('makes no stack for a refusal, and leaves the limit for others as it was', async () => {
    const { breaker } = manual();
    breaker.isolate();
    const limit = Error.stackTraceLimit;
    const refusal = await breaker.execute(() => 1).catch((error: Error) => error);
    expect(refusal).toHaveProperty('stack', 'BreakerOpenError: breaker "users" is open');
    expect(Error.stackTraceLimit).toBe(limit);
  });

  test('asks openMs how often it has opened in a row', async () => {
    const openMs = vi.fn((timesOpened: number) => timesOpened * 100);
    const { breaker, time } = manual({ openMs, maxRequests: 1 });
    await fail(breaker, 3);
    time.nowMs += 101;
    await fail(breaker);
    time.nowMs += 200;
    expect(breaker.state).toBe('open');
    time.nowMs += 1;
    await breaker.execute(() => 'up again');
    expect(breaker.state).toBe('closed');
    await fail(breaker, 3);
    expect(openMs.mock.calls).toEqual([[1], [2], [1]]);
  });
});

describe('a half-open breaker', () => {
  async function halfOpen(options: BreakerOptions = {}) {
    const rig = manual(options);
    await fail(rig.breaker, 3);
    rig.time.nowMs += 30_001;
    return rig;
  }

  test('refuses what exceeds its trials at once', async () => {
    const { breaker } = await halfOpen();
    const trials = [1, 2, 3].map(() => pending(breaker));
    const refusal = await breaker.execute(() => 1).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(HalfOpenBusyError);
    expect(refusal).toMatchObject({
      name: 'HalfOpenBusyError',
      code: 'ERR_BREAKER_HALF_OPEN_BUSY',
      breaker: 'users',
      retryAfterMs: 0,
    });
    for (const trial of trials) trial.resolve('up');
    await Promise.all(trials.map((trial) => trial.call));
    expect(breaker.state).toBe('closed');
  });

  test('takes a trial that does not settle in maxHalfOpenMs for a failure of that moment', async () => {
    const { breaker, time } = await halfOpen({ maxHalfOpenMs: 1_000 });
    const hung = pending(breaker);
    time.nowMs += 1_000;
    expect(breaker.state).toBe('half-open');
    time.nowMs += 1;
    expect(breaker.state).toBe('open');
    time.nowMs += 29_999;
    expect(breaker.state).toBe('open');
    time.nowMs += 1;
    expect(breaker.state).toBe('half-open');
    hung.resolve('too late');
    await hung.call;
    expect(breaker.counts.successes).toBe(0);
  });

  test('is ready for trials at once when the hung one was long ago', async () => {
    const { breaker, time } = await halfOpen({ maxHalfOpenMs: 1_000 });
    pending(breaker);
    time.nowMs += 600_000;
    await expect(breaker.execute(() => 'up')).resolves.toBe('up');
    expect(breaker.stats()).toMatchObject({ opened: 2, halfOpened: 2 });
  });

  test('lets a trial that settled no longer count as hung', async () => {
    const { breaker, time } = await halfOpen({ maxHalfOpenMs: 1_000 });
    await breaker.execute(() => 'up');
    time.nowMs += 600_000;
    expect(breaker.state).toBe('half-open');
    expect([breaker.counts.successes, breaker.stats().opened]).toEqual([1, 1]);
  });

  test('gives the place of an aborted trial to the next', async () => {
    const { breaker } = await halfOpen({ maxRequests: 1 });
    const controller = new AbortController();
    const trial = pending(breaker, controller.signal);
    controller.abort(new Error('the user left'));
    await expect(trial.call).rejects.toThrow('the user left');
    await expect(breaker.execute(() => 'up')).resolves.toBe('up');
    expect(breaker.state).toBe('closed');
  });
});

describe("the caller's signal", () => {
  test('rejects at once when it was aborted before, without asking the breaker', async () => {
    const { breaker } = manual();
    const fn = vi.fn();
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(breaker.execute(fn, { signal })).rejects.toThrow('too late');
    expect(fn).not.toHaveBeenCalled();
    expect(breaker.counts.requests).toBe(0);
  });

  test('rejects a call that does not listen to it, and what the call does later is nobody’s business', async () => {
    const { breaker } = manual();
    const controller = new AbortController();
    const { call, reject } = pending(breaker, controller.signal);
    controller.abort('gone');
    await expect(call).rejects.toBe('gone');
    reject(down);
    await Promise.resolve();
    expect(breaker.counts).toMatchObject({ requests: 1, exclusions: 1, failures: 0 });
  });

  test('reaches the function, and is not held on to after the call', async () => {
    const { breaker } = manual();
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, 'removeEventListener');
    const added = vi.spyOn(signal, 'addEventListener');
    expect(await breaker.execute((ctx) => ctx.signal, { signal })).toBe(signal);
    await expect(breaker.execute(() => Promise.reject(down), { signal })).rejects.toBe(down);
    expect(breaker.counts).toMatchObject({ successes: 1, failures: 1 });
    expect(removed.mock.calls).toEqual(added.mock.calls);
  });

  test('is made for the function when the caller gave none', async () => {
    const { breaker } = manual();
    const signals = [1, 2].map(() => breaker.execute((ctx) => ctx.signal));
    const [one, other] = await Promise.all(signals);
    expect(one).toBeInstanceOf(AbortSignal);
    expect(other).not.toBe(one);
  });
});

describe('isolate', () => {
  test('refuses until every isolation is released, then lets trials decide', async () => {
    const { breaker, time } = manual();
    const first = breaker.isolate();
    const second = breaker.isolate();
    time.nowMs += 1e9;
    const refusal = await breaker.execute(() => 1).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ retryAfterMs: Number.POSITIVE_INFINITY });
    first.release();
    first.release();
    expect(breaker.state).toBe('open');
    expect(breaker.stats().isolations).toBe(1);
    second[Symbol.dispose]();
    expect(breaker.state).toBe('half-open');
  });

  test('makes the results of calls in flight count for nothing', async () => {
    const { breaker } = manual();
    const { call, resolve } = pending(breaker);
    breaker.isolate().release();
    resolve('late');
    await expect(call).resolves.toBe('late');
    expect(breaker.counts).toMatchObject({ requests: 0, successes: 0 });
  });
});

describe('being seen', () => {
  test('is in the process-wide set and on the channel, with plain numbers', async () => {
    const heard: unknown[] = [];
    const hear = (component: unknown) => heard.push(component);
    subscribe('shopgpt:component', hear);
    const { breaker } = manual();
    unsubscribe('shopgpt:component', hear);
    const set = (globalThis as Record<symbol, unknown>)[Symbol.for('shopgpt.components')];
    const seen = [...(set as Set<WeakRef<object>>)].map((ref) => ref.deref());
    expect(seen).toContain(breaker);
    expect(heard).toEqual([breaker]);
    expect(breaker).toMatchObject({ kind: 'breaker', name: 'users' });
    await fail(breaker, 3);
    await expect(breaker.execute(() => 1)).rejects.toThrow();
    expect(breaker.stats()).toEqual({
      state: 2,
      isolations: 0,
      admitted: 3,
      successes: 0,
      failures: 3,
      exclusions: 0,
      slow: 0,
      refusedOpen: 1,
      refusedHalfOpen: 0,
      opened: 1,
      halfOpened: 0,
      closed: 0,
      hookErrors: 0,
    });
  });
});
