import { describe, expect, test, vi } from 'vitest';
import { createBreaker } from './breaker.ts';
import { CallTimeoutError } from './errors.ts';
import { createPolicy, createRetry } from './policy.ts';
import type { RetryOptions } from './retry.ts';
import { createRetryBudget } from './retry-budget.ts';
import { manualClock } from './testing/manual-clock.ts';

const down = new Error('down');
const steady = { baseMs: 100, jitter: 'none' } as const;

function rig(options: RetryOptions = {}) {
  const clock = manualClock();
  const calledAt: number[] = [];
  const failWith = (error: unknown) => () => {
    calledAt.push(clock.now());
    return Promise.reject(error);
  };
  const failing = failWith(down);
  const retry = createRetry({ backoff: steady, ...options, clock });
  return { clock, calledAt, failing, failWith, retry };
}

describe('retry', () => {
  test('makes attempts calls in all, and throws what the last one threw', async () => {
    const { retry, clock, calledAt, failing } = rig({ attempts: 4 });
    const call = expect(retry.execute(failing)).rejects.toBe(down);
    await clock.advance(1_000);
    await call;
    expect(calledAt).toEqual([0, 100, 300, 700]);
    expect(retry.stats()).toMatchObject({ calls: 1, failures: 1, retries: 3 });
  });

  test('stops at the first success, and numbers the attempts', async () => {
    const { retry, clock } = rig();
    const call = retry.execute(({ attempt }) =>
      attempt < 3 ? Promise.reject(down) : `attempt ${attempt}`,
    );
    await clock.advance(1_000);
    expect(await call).toBe('attempt 3');
  });

  test('makes no second call when attempts is 1', async () => {
    const { retry, calledAt, failing } = rig({ attempts: 1 });
    await expect(retry.execute(failing)).rejects.toBe(down);
    expect(calledAt).toHaveLength(1);
  });

  test('makes no more calls than the caller allows', async () => {
    const { retry, calledAt, failing } = rig();
    await expect(retry.execute(failing, { attempts: 1 })).rejects.toBe(down);
    expect(calledAt).toHaveLength(1);
  });

  test('never retries a refusal', async () => {
    const breaker = createBreaker();
    breaker.isolate();
    const policy = createPolicy({ retry: {}, breaker });
    await expect(policy.execute(() => 1)).rejects.toThrow('is open');
    expect(policy.stats().retries).toBe(0);
  });

  test('asks shouldRetry, and takes a throw of it for a no', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const no = rig({ shouldRetry: (error) => error !== down });
    await expect(no.retry.execute(no.failing)).rejects.toBe(down);
    const broken = rig({
      shouldRetry: () => {
        throw new Error('broken rule');
      },
    });
    await expect(broken.retry.execute(broken.failing)).rejects.toBe(down);
    expect(broken.calledAt).toHaveLength(1);
    expect(warn.mock.calls[0]?.[0]).toBe('retry.shouldRetry of "retry" threw: Error: broken rule');
  });

  test('takes a promise of shouldRetry for a no', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { retry, failing } = rig({ shouldRetry: (async () => true) as never });
    await expect(retry.execute(failing)).rejects.toBe(down);
    expect(warn.mock.calls[0]?.[0]).toContain('it must decide at once');
  });

  test('does not go on for ever when the caller bounds it by nonsense', async () => {
    const { retry, failing, calledAt } = rig();
    await expect(retry.execute(failing, { attempts: Number.NaN })).rejects.toBe(down);
    expect(calledAt).toHaveLength(1);
  });

  test('passes over a Retry-After that cannot be read', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { retry, clock, calledAt, failWith } = rig({ attempts: 2 });
    const get = () => {
      throw new Error('no such header');
    };
    const error = { headers: { get } };
    const call = expect(retry.execute(failWith(error))).rejects.toBe(error);
    await clock.advance(100);
    await call;
    expect(calledAt).toEqual([0, 100]);
    expect(warn.mock.calls[0]?.[0]).toBe('Retry-After of "retry" threw: Error: no such header');
  });

  test('waits as long as the dependency asks', async () => {
    const { retry, clock, calledAt, failWith } = rig({ attempts: 2 });
    const call = retry.execute(failWith({ headers: { 'retry-after': '7' } }));
    call.catch(() => undefined);
    await clock.advance(10_000);
    expect(calledAt).toEqual([0, 7_000]);
  });

  test('does not wait longer than a minute for it when there is no deadline', async () => {
    const { retry, calledAt, failWith } = rig();
    const asked = { retryAfterMs: 60_001 };
    await expect(retry.execute(failWith(asked))).rejects.toBe(asked);
    expect(calledAt).toHaveLength(1);
  });

  test('does not begin to wait for a retry that the deadline would not let happen', async () => {
    const clock = manualClock();
    const policy = createPolicy({ deadlineMs: 250, retry: { backoff: steady }, clock });
    const call = expect(policy.execute(() => Promise.reject(down))).rejects.toBe(down);
    await clock.advance(100);
    await call;
    expect(policy.stats()).toMatchObject({ retries: 1, deadlines: 0 });
  });

  test('is woken from its pause by the caller', async () => {
    const { retry, clock, failing } = rig();
    const controller = new AbortController();
    const call = expect(retry.execute(failing, { signal: controller.signal })).rejects.toBe('gone');
    await clock.advance(50);
    controller.abort('gone');
    await call;
    expect(clock.timers).toBe(0);
  });

  test('stops when the budget of the dependency is used up, whoever used it', async () => {
    const budget = createRetryBudget({ tokens: 14 });
    const first = rig({ budget, attempts: 2 });
    const second = rig({ budget, attempts: 3 });
    const one = expect(first.retry.execute(first.failing)).rejects.toBe(down);
    await first.clock.advance(1_000);
    await one;
    const two = expect(second.retry.execute(second.failing)).rejects.toBe(down);
    await second.clock.advance(1_000);
    await two;
    expect([first.calledAt.length, second.calledAt.length]).toEqual([2, 2]);
    expect(second.retry.stats()).toMatchObject({ retries: 1, retriesDenied: 1 });
    expect(budget.tokens).toBe(4);
    await first.retry.execute(() => 'a success');
    expect(budget.tokens).toBe(5);
  });

  test('pays more for a retry after a timeout', async () => {
    const budget = createRetryBudget();
    const { retry, clock, failWith } = rig({ budget, attempts: 2 });
    retry.execute(failWith(new CallTimeoutError('x', 1))).catch(() => undefined);
    await clock.advance(1_000);
    expect(budget.tokens).toBe(490);
  });
});
