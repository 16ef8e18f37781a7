import { describe, expect, test } from 'vitest';
import { createPolicy, createTimeout } from '../policy.ts';
import { createStuckBreaker, failingCall, hangingCall, manualClock, slowCall } from './index.ts';

test('the door has these names and no others', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual([
    'createStuckBreaker',
    'failingCall',
    'hangingCall',
    'manualClock',
    'slowCall',
  ]);
});

describe('a stuck breaker', () => {
  test('refuses every call when open, with the time it would be open', async () => {
    const breaker = createStuckBreaker('open', { name: 'users', openMs: 5_000 });
    const refusal = { code: 'ERR_BREAKER_OPEN', breaker: 'users', retryAfterMs: 5_000 };
    for (let i = 0; i < 5; i += 1) {
      await expect(breaker.execute(() => 1)).rejects.toMatchObject(refusal);
    }
    const computed = createStuckBreaker('open', { openMs: (times) => times * 7 });
    await expect(computed.execute(() => 1)).rejects.toMatchObject({ retryAfterMs: 7 });
  });

  test('refuses every call when half-open', async () => {
    const breaker = createStuckBreaker('half-open', { maxRequests: 2 });
    const refusal = { code: 'ERR_BREAKER_HALF_OPEN_BUSY' };
    await expect(breaker.execute(() => 1)).rejects.toMatchObject(refusal);
    expect(breaker.state).toBe('half-open');
  });

  test('lets every call through when closed', async () => {
    const breaker = createStuckBreaker('closed');
    for (let i = 0; i < 50; i += 1) {
      await expect(breaker.execute(failingCall())).rejects.toThrow('this call fails');
    }
    expect(breaker.state).toBe('closed');
  });
});

describe('calls', () => {
  test('fail with the error that was given', async () => {
    await expect(createPolicy({}).execute(failingCall('an error'))).rejects.toBe('an error');
  });

  test('hang until their signal is aborted, or for ever', async () => {
    const clock = manualClock();
    const timeout = createTimeout(100, { clock });
    const reasons: unknown[] = [];
    for (const ignoresSignal of [false, true]) {
      const hang = hangingCall({ ignoresSignal });
      timeout
        .execute((ctx) => hang(ctx).catch((reason: unknown) => reasons.push(reason)))
        .catch(() => undefined);
    }
    await clock.advance(100);
    expect(reasons).toMatchObject([{ code: 'ERR_BREAKER_CALL_TIMEOUT' }]);
  });

  test('are slow by the clock', async () => {
    const clock = manualClock();
    const timeout = createTimeout(100, { clock });
    const inTime = timeout.execute(slowCall(clock, 99, 'in time'));
    const late = timeout.execute(slowCall(clock, 101, 'late'));
    late.catch(() => undefined);
    await clock.advance(1_000);
    expect(await inTime).toBe('in time');
    await expect(late).rejects.toThrow('longer than 100 ms');
    expect(clock.timers).toBe(0);
  });
});

describe('a manual clock', () => {
  test('runs timers in the order of their times, each at its own', async () => {
    const clock = manualClock(1_000);
    const wallMs = clock.wall();
    const ran: [string, number, number][] = [];
    const note = (name: string) => () => ran.push([name, clock.now(), clock.wall() - wallMs]);
    clock.setTimer(note('b'), 20);
    clock.setTimer(() => clock.setTimer(note('a again'), 5), 10);
    const cancel = clock.setTimer(note('never'), 1);
    cancel();
    await clock.advance(20);
    expect(ran).toEqual([
      ['a again', 1_015, 15],
      ['b', 1_020, 20],
    ]);
  });

  test('has a wall clock that can be set, while no time passes', () => {
    const clock = manualClock();
    const wallMs = clock.wall();
    clock.setWallBy(-5_000);
    clock.jump(1_000);
    expect([clock.now(), clock.wall() - wallMs]).toEqual([1_000, -4_000]);
  });

  test('runs no timer when it jumps, but what is overdue at the next advance', async () => {
    const clock = manualClock();
    const ran: number[] = [];
    clock.setTimer(() => ran.push(clock.now()), 10);
    clock.jump(100);
    expect(ran).toEqual([]);
    await clock.advance(0);
    expect(ran).toEqual([100]);
  });
});
