import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import { createBreaker } from './breaker.ts';
import { BulkheadFullError, CallTimeoutError, DeadlineError } from './errors.ts';
import { createFallback, createPolicy, createTimeout, type PolicyOptions } from './policy.ts';
import { manualClock } from './testing/manual-clock.ts';

const down = new Error('down');
const hang = () => new Promise<never>(() => undefined);

function rig<F = never>(options: PolicyOptions<F>) {
  const clock = manualClock();
  return { clock, policy: createPolicy({ name: 'users', ...options, clock }) };
}

/** The call's error, once `ms` have passed. */
async function errorAfter(ms: number, call: Promise<unknown>, clock = manualClock()) {
  const error = call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  await clock.advance(ms);
  return error;
}

describe('a policy', () => {
  test('without parts settles as the function does', async () => {
    const { policy } = rig({});
    expect(await policy.execute(() => 1)).toBe(1);
    expect(await policy.execute(async () => 2)).toBe(2);
    await expect(policy.execute(() => Promise.reject(down))).rejects.toBe(down);
    const add = policy.wrap(async (_ctx, a: number, b: number) => a + b);
    expectTypeOf(add).toEqualTypeOf<(a: number, b: number) => Promise<number>>();
    expect(await add(1, 2)).toBe(3);
    expect(policy.stats()).toMatchObject({ calls: 4, successes: 3, failures: 1 });
  });

  test('puts its parts around the work in their one order', async () => {
    const order: string[] = [];
    const clock = manualClock();
    const breaker = createBreaker({ clock });
    const guard = {
      admit: () => {
        order.push('breaker');
        return breaker.admit();
      },
    };
    const policy = createPolicy({
      clock,
      deadlineMs: 1_000,
      fallback: () => order.push('fallback'),
      retry: { attempts: 2, backoff: { baseMs: 0 } },
      breaker: guard,
      bulkhead: { concurrency: 1 },
      timeoutMs: 100,
    });
    const call = policy.execute(() => {
      order.push(`work, ${policy.stats().running} running`);
      return Promise.reject(down);
    });
    await clock.advance(10);
    await call;
    const attempt = ['breaker', 'work, 1 running'];
    expect(order).toEqual([...attempt, ...attempt, 'fallback']);
  });

  test('tells the function its deadline and its attempt', async () => {
    const { policy, clock } = rig({ deadlineMs: 1_000 });
    clock.jump(5);
    await policy.execute((ctx) => {
      expect(ctx.deadline).toBe(1_005);
      clock.jump(400);
      expect(ctx.remainingMs()).toBe(600);
      clock.jump(700);
      expect(ctx.remainingMs()).toBe(0);
      expect(ctx.attempt).toBe(1);
    });
  });

  test('knows no deadline when there is none', async () => {
    const seen = await rig({}).policy.execute((ctx) => [ctx.deadline, ctx.remainingMs()]);
    expect(seen).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
    const alone = await createBreaker().execute((ctx) => [ctx.deadline, ctx.remainingMs()]);
    expect(alone).toEqual(seen);
  });

  test('gives back the leave of a breaker that took its time, when nobody waits any more', async () => {
    const permit = { succeeded: vi.fn(), failed: vi.fn() };
    const admission = Promise.withResolvers<typeof permit>();
    const { policy, clock } = rig({ breaker: { admit: () => admission.promise }, deadlineMs: 100 });
    const fn = vi.fn();
    expect(await errorAfter(100, policy.execute(fn), clock)).toBeInstanceOf(DeadlineError);
    admission.resolve(permit);
    await clock.advance(0);
    expect(permit.failed).toHaveBeenCalledOnce();
    expect(fn).not.toHaveBeenCalled();
  });

  test('counts a refusal further in as excluded', async () => {
    const classify = vi.fn(() => 'failure' as const);
    const breaker = createBreaker({ classify });
    const { policy, clock } = rig({ breaker, bulkhead: { concurrency: 1 }, deadlineMs: 100 });
    const hung = errorAfter(100, policy.execute(hang), clock);
    await expect(policy.execute(() => 1)).rejects.toThrow(BulkheadFullError);
    expect(await hung).toBeInstanceOf(DeadlineError);
    expect(breaker.counts).toMatchObject({ requests: 2, exclusions: 2 });
    expect(classify).not.toHaveBeenCalled();
  });

  const bad: [object, string][] = [
    [{ name: '' }, 'name must be a non-empty string, got ""'],
    [{ deadlineMs: 0 }, 'deadlineMs must be at least 1 ms, got 0'],
    [{ timeoutMs: -5 }, 'timeoutMs must be at least 1 ms, got -5'],
    [{ fallback: 7 }, 'fallback must be a function, got 7'],
    [{ breaker: {} }, 'breaker.admit must be a function, got undefined'],
    [{ clock: {} }, 'clock.now must be a function, got undefined'],
    [{ retry: { attempts: 0 } }, 'retry.attempts must be a positive integer, got 0'],
    [{ retry: { backoff: { baseMs: -1 } } }, 'retry.backoff.baseMs must be at least 0 ms, got -1'],
    [{ retry: { backoff: { maxMs: 'x' } } }, 'retry.backoff.maxMs must be at least 0 ms, got "x"'],
    [
      { retry: { backoff: { jitter: 'some' } } },
      'retry.backoff.jitter must be one of "full", "decorrelated", "none", got "some"',
    ],
    [{ retry: { budget: {} } }, 'retry.budget.spend must be a function, got undefined'],
    [{ retry: { shouldRetry: true } }, 'retry.shouldRetry must be a function, got true'],
  ];
  test.each(bad)('refuses %o, naming the field and the value', (options, message) => {
    expect(() => createPolicy(options as PolicyOptions)).toThrow(message);
  });
});

describe('a timeout', () => {
  test('ends the attempt, aborts its signal, and leaves the next attempt alone', async () => {
    const { policy, clock } = rig({ timeoutMs: 100, retry: { backoff: { baseMs: 0 } } });
    const signals: AbortSignal[] = [];
    const call = policy.execute(({ attempt, signal }) => {
      signals.push(signal);
      return attempt === 1 ? hang() : 'second';
    });
    await clock.advance(100);
    expect(await call).toBe('second');
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
    expect(signals[0]?.reason).toMatchObject({
      name: 'CallTimeoutError',
      code: 'ERR_BREAKER_CALL_TIMEOUT',
      message: 'a call of "users" took longer than 100 ms',
      breaker: 'users',
      timeoutMs: 100,
    });
    expect(policy.stats()).toMatchObject({ timeouts: 1, retries: 1 });
  });

  test('lets what its work says later concern no other attempt', async () => {
    const { policy, clock } = rig({ timeoutMs: 100, retry: { backoff: { baseMs: 0 } } });
    const works = [1, 2].map(() => Promise.withResolvers<string>());
    const call = policy.execute(({ attempt }) => works[attempt - 1]?.promise);
    await clock.advance(100);
    works[0]?.reject(down);
    await clock.advance(0);
    works[1]?.resolve('second');
    expect(await call).toBe('second');
    expect(policy.stats().retries).toBe(1);
  });

  test('tells who asks for the signal only afterwards', async () => {
    const clock = manualClock();
    const timeout = createTimeout(100, { clock });
    let late: (() => AbortSignal) | undefined;
    const call = timeout.execute((ctx) => {
      late = () => ctx.signal;
      return hang();
    });
    expect(await errorAfter(100, call, clock)).toBeInstanceOf(CallTimeoutError);
    expect(late?.().aborted).toBe(true);
  });

  test('never aborts the signal of a call that ended in time', async () => {
    const clock = manualClock();
    const signal = await createTimeout(100, { clock }).execute((ctx) => ctx.signal);
    await clock.advance(1_000);
    expect(signal.aborted).toBe(false);
    expect(clock.timers).toBe(0);
  });

  test('counts as a failure of the dependency', async () => {
    const breaker = createBreaker();
    const { policy, clock } = rig({ breaker, timeoutMs: 100 });
    await errorAfter(100, policy.execute(hang), clock);
    expect(breaker.counts).toMatchObject({ requests: 1, failures: 1 });
  });

  test('is served with all others by one timer', async () => {
    const clock = manualClock();
    const timeout = createTimeout(100, { clock });
    const endedAt: number[] = [];
    for (let i = 0; i < 50; i += 1) {
      timeout.execute(hang).catch(() => endedAt.push(clock.now()));
      expect(clock.timers).toBe(1);
      clock.jump(1);
    }
    await clock.advance(200);
    expect(endedAt).toHaveLength(50);
    expect(Math.max(...endedAt)).toBeLessThanOrEqual(150);
    expect(clock.timers).toBe(0);
  });
});

describe('a deadline', () => {
  test('ends the whole, whatever it is doing, and aborts what runs', async () => {
    const { policy, clock } = rig({ deadlineMs: 1_000 });
    let signal: AbortSignal | undefined;
    const call = policy.execute((ctx) => {
      signal = ctx.signal;
      return hang();
    });
    const error = await errorAfter(1_000, call, clock);
    expect(error).toMatchObject({
      name: 'DeadlineError',
      code: 'ERR_BREAKER_DEADLINE',
      message: '"users" has reached its deadline',
      breaker: 'users',
    });
    expect(error).not.toHaveProperty('cause');
    expect(signal?.reason).toBe(error);
    expect(policy.stats()).toMatchObject({ failures: 1, deadlines: 1, aborts: 0 });
  });

  test('keeps what the attempt before failed with as its cause', async () => {
    const { policy, clock } = rig({ deadlineMs: 1_000, retry: { backoff: { baseMs: 0 } } });
    const call = policy.execute(({ attempt }) => (attempt === 1 ? Promise.reject(down) : hang()));
    expect(await errorAfter(1_000, call, clock)).toHaveProperty('cause', down);
  });

  test('ends the waiting for a place in the bulkhead', async () => {
    const bulkhead = { concurrency: 1, queue: { max: 5 } };
    const { policy, clock } = rig({ deadlineMs: 100, bulkhead });
    policy.execute(hang).catch(() => undefined);
    clock.jump(50);
    expect(await errorAfter(100, policy.execute(hang), clock)).toBeInstanceOf(DeadlineError);
    expect(policy.stats().queued).toBe(0);
  });

  test('is not exceeded by a fallback', async () => {
    const { policy, clock } = rig({ deadlineMs: 100, fallback: hang });
    const call = policy.execute(() => Promise.reject(down));
    expect(await errorAfter(100, call, clock)).toBeInstanceOf(DeadlineError);
  });

  test('is the earlier one of its own and the outer one', async () => {
    const { policy, clock } = rig({ deadlineMs: 100 });
    const inner = (deadline: number) =>
      policy.execute((ctx) => Promise.resolve(ctx.deadline), { deadline });
    expect(await inner(30)).toBe(30);
    expect(await inner(300)).toBe(100);
    expect(await errorAfter(30, policy.execute(hang, { deadline: 30 }), clock)).toBeInstanceOf(
      DeadlineError,
    );
    await clock.advance(1_000);
    expect(clock.timers).toBe(0);
  });

  test('that has passed already lets nothing run', async () => {
    const { policy, clock } = rig({});
    clock.jump(10);
    const fn = vi.fn();
    await expect(policy.execute(fn, { deadline: 10 })).rejects.toThrow(DeadlineError);
    expect(fn).not.toHaveBeenCalled();
  });

  test('is inherited by a policy further in, which is given the context as its options', async () => {
    const clock = manualClock();
    const outer = createPolicy({ deadlineMs: 100, clock });
    const inner = createPolicy({ retry: {}, clock });
    const seen = await outer.execute((ctx) => inner.execute((own) => own.deadline, ctx));
    expect(seen).toBe(100);
  });
});

describe("the caller's abort", () => {
  test('rejects with his reason, is told to the function, and excluded by the breaker', async () => {
    const breaker = createBreaker();
    const { policy, clock } = rig({ breaker, timeoutMs: 100, retry: {}, fallback: () => 'no' });
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const call = policy.execute(
      (ctx) => {
        signal = ctx.signal;
        return hang();
      },
      { signal: controller.signal },
    );
    controller.abort('gone');
    expect(await errorAfter(0, call, clock)).toBe('gone');
    expect(signal?.reason).toBe('gone');
    expect(breaker.counts).toMatchObject({ requests: 1, exclusions: 1 });
    expect(policy.stats()).toMatchObject({ aborts: 1, fallbacks: 0, retries: 0 });
  });

  test('before the call lets nothing run', async () => {
    const { policy } = rig({ fallback: () => 'no' });
    const fn = vi.fn();
    await expect(policy.execute(fn, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
    expect(fn).not.toHaveBeenCalled();
  });

  test('from within the function itself is an abort too', async () => {
    const { policy } = rig({ timeoutMs: 100 });
    const controller = new AbortController();
    const call = policy.execute(
      () => {
        controller.abort('own doing');
        return Promise.reject(down);
      },
      { signal: controller.signal },
    );
    await expect(call).rejects.toBe('own doing');
  });

  test('leaves no listener behind', async () => {
    const { policy } = rig({ timeoutMs: 100, deadlineMs: 100 });
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    await policy.execute(() => 1, { signal });
    expect(added).toHaveBeenCalledOnce();
    expect(removed.mock.calls).toEqual(added.mock.calls);
  });
});

describe('a fallback', () => {
  test('answers for a failure and for a refusal', async () => {
    const breaker = createBreaker();
    const { policy } = rig({ breaker, fallback: (error) => String(error) });
    expectTypeOf(policy.execute<number>).returns.resolves.toEqualTypeOf<number | string>();
    expect(await policy.execute(() => Promise.reject(down))).toBe('Error: down');
    breaker.isolate();
    expect(await policy.execute(() => 1)).toBe('BreakerOpenError: breaker "breaker" is open');
    expect(policy.stats()).toMatchObject({ successes: 2, fallbacks: 2 });
  });

  test('that fails keeps the first error at the end of its chain of causes', async () => {
    const inner = new Error('inner');
    const failing = (error: unknown) => createFallback(() => Promise.reject(error));
    const caught = async (thrown: unknown) =>
      failing(thrown)
        .execute(() => Promise.reject(down))
        .catch((error: unknown) => error);
    expect(await caught(new Error('plain'))).toMatchObject({ message: 'plain', cause: down });
    const chained = await caught(new Error('outer', { cause: inner }));
    expect(chained).toMatchObject({ message: 'outer', cause: { message: 'inner', cause: down } });
    expect(await caught(down)).toBe(down);
    expect(await caught('a string')).toMatchObject({
      message: 'the fallback failed: a string',
      cause: down,
    });
    expect(await caught(Object.freeze(new Error('frozen')))).toMatchObject({
      message: 'the fallback failed: Error: frozen',
      cause: down,
    });
  });

  test('is given a context with what is left of the deadline', async () => {
    const { policy } = rig({ deadlineMs: 100, fallback: (_error, ctx) => ctx.deadline });
    expect(await policy.execute(() => Promise.reject(down))).toBe(100);
  });
});
