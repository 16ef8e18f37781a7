import { describe, expect, test, vi } from 'vitest';
import { type Breaker, createBreaker } from './breaker.ts';
import { HalfOpenBusyError } from './errors.ts';
import type { HookError, StateChange } from './events.ts';
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

describe('events', () => {
  test('tell each change of state with the counts that led to it', async () => {
    const { breaker, time } = manual({ maxRequests: 1 });
    const changes: StateChange[] = [];
    const off = breaker.on('stateChange', (change) => changes.push(change));
    await fail(breaker, 3);
    time.nowMs += 30_001;
    await breaker.execute(() => 'up');
    expect(changes).toMatchObject([
      { from: 'closed', to: 'open', counts: { failures: 3 } },
      { from: 'open', to: 'half-open', counts: { requests: 0 } },
      { from: 'half-open', to: 'closed', counts: { successes: 1 } },
    ]);
    off();
    breaker.isolate();
    expect(changes).toHaveLength(3);
  });

  test('go on to the other listeners when one throws, and the caller notices nothing', async () => {
    const { breaker } = manual();
    const hookErrors: HookError[] = [];
    const calm = vi.fn();
    breaker.on('stateChange', () => {
      throw new Error('sync');
    });
    breaker.on('stateChange', () => Promise.reject(new Error('async')) as never);
    breaker.on('stateChange', calm);
    breaker.on('hookError', (event) => hookErrors.push(event));
    await fail(breaker, 3);
    expect(calm).toHaveBeenCalledOnce();
    expect(hookErrors.map(({ hook, error }) => [hook, String(error)])).toEqual([
      ['stateChange', 'Error: sync'],
      ['stateChange', 'Error: async'],
    ]);
    expect(breaker.stats().hookErrors).toBe(2);
  });

  test('let a listener call the breaker itself', async () => {
    const { breaker, time } = manual({ maxRequests: 1 });
    const calls: Promise<unknown>[] = [];
    await fail(breaker, 3);
    breaker.on('stateChange', ({ to }) => {
      if (to === 'half-open') calls.push(breaker.execute(() => 'first'));
    });
    time.nowMs += 30_001;
    await expect(breaker.execute(() => 'second')).rejects.toThrow(HalfOpenBusyError);
    expect(await Promise.all(calls)).toEqual(['first']);
  });

  test('are heard by every listener in the order in which they happened', async () => {
    const { breaker, time } = manual();
    const heard: string[] = [];
    breaker.on('stateChange', ({ to }) => {
      if (to === 'half-open') breaker.isolate();
    });
    breaker.on('stateChange', ({ from, to }) => heard.push(`${from} -> ${to}`));
    await fail(breaker, 3);
    time.nowMs += 30_001;
    expect(breaker.state).toBe('open');
    expect(heard).toEqual(['closed -> open', 'open -> half-open', 'half-open -> open']);
  });

  test('report whatever a listener throws, even what has no text', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { breaker } = manual();
    breaker.on('stateChange', () => {
      throw Object.create(null);
    });
    await fail(breaker, 3);
    expect(warn.mock.calls[0]?.[0]).toBe('stateChange of "users" threw: [object Object]');
  });
});

describe('rules that throw', () => {
  const broken = () => {
    throw new Error('broken rule');
  };

  test('leave the result alone and give way to the default rule', async () => {
    const { breaker, time } = manual({ classify: broken, readyToTrip: broken, openMs: broken });
    const hooks: string[] = [];
    breaker.on('hookError', ({ hook }) => hooks.push(hook));
    expect(await breaker.execute(() => 1)).toBe(1);
    await fail(breaker, 2);
    expect(breaker.state).toBe('open');
    time.nowMs += 30_001;
    expect(breaker.state).toBe('half-open');
    expect(new Set(hooks)).toEqual(new Set(['classify', 'readyToTrip', 'openMs']));
  });

  test('are reported like answers that mean nothing', async () => {
    const { breaker, time } = manual({
      classify: () => 'perhaps' as never,
      openMs: () => Number.NaN,
    });
    const errors: string[] = [];
    breaker.on('hookError', ({ error }) => errors.push(String(error)));
    await fail(breaker, 3);
    time.nowMs += 30_001;
    expect(breaker.state).toBe('half-open');
    expect(errors.at(0)).toBe('TypeError: classify answered perhaps');
    expect(errors.at(-1)).toBe('RangeError: openMs must be at least 1 ms, got NaN');
  });

  test('are reported once as a process warning when nobody listens', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { breaker } = manual({ classify: broken });
    await breaker.execute(() => 1);
    await breaker.execute(() => 1);
    expect(warn.mock.calls).toEqual([
      [
        'classify of "users" threw: Error: broken rule',
        { type: 'BreakerWarning', code: 'SHOPGPT_BREAKER_HOOK' },
      ],
    ]);
    expect(breaker.stats().hookErrors).toBe(2);
  });

  test('do not loop when the listener of hookError throws too', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { breaker } = manual({ classify: broken });
    breaker.on('hookError', broken);
    await breaker.execute(() => 1);
    expect(warn).toHaveBeenCalledOnce();
  });

  test('decide at once: a promise, kept or not, gives way to the default rule', async () => {
    const { breaker, time } = manual({
      classify: (async () => Promise.reject(new Error('never heard of'))) as never,
      readyToTrip: (async () => true) as never,
      openMs: (async () => Promise.reject(new Error('never heard of'))) as never,
    });
    const errors: string[] = [];
    breaker.on('hookError', ({ hook, error }) => errors.push(`${hook}: ${error}`));
    await fail(breaker);
    expect(breaker.state).toBe('closed');
    await fail(breaker, 2);
    expect(breaker.state).toBe('open');
    time.nowMs += 30_001;
    expect(breaker.state).toBe('half-open');
    const complaint = 'TypeError: it must decide at once, not by a promise';
    expect(errors.slice(0, 2)).toEqual([`classify: ${complaint}`, `readyToTrip: ${complaint}`]);
    expect(errors.at(-1)).toBe(`openMs: ${complaint}`);
  });

  test.each(['readyToTrip', 'openMs'])('may isolate the breaker that asks %s', async (rule) => {
    const isolating = {
      [rule]: () => {
        breaker.isolate();
        return rule === 'openMs' ? 1 : true;
      },
    };
    const { breaker, time } = manual({ readyToTrip: () => true, ...isolating });
    await fail(breaker);
    time.nowMs += 1e9;
    expect(breaker.state).toBe('open');
  });
});
