import { describe, expect, test } from 'vitest';
import type { BulkheadOptions } from './bulkhead.ts';
import { BulkheadFullError, CallTimeoutError } from './errors.ts';
import { createBulkhead, createPolicy } from './policy.ts';
import { manualClock } from './testing/manual-clock.ts';

function rig(options: BulkheadOptions) {
  const clock = manualClock();
  const bulkhead = createBulkhead({ name: 'db', ...options, clock });
  const begun: string[] = [];
  const works = new Map<string, PromiseWithResolvers<string>>();
  const start = (id: string, signal?: AbortSignal) => {
    const work = Promise.withResolvers<string>();
    works.set(id, work);
    const fn = () => {
      begun.push(id);
      return work.promise;
    };
    const call = bulkhead.execute(fn, { signal });
    call.catch(() => undefined);
    return call;
  };
  const finish = async (id: string) => {
    works.get(id)?.resolve(id);
    await clock.advance(0);
  };
  return { clock, bulkhead, begun, start, finish };
}

describe('bulkhead', () => {
  test('refuses at once what exceeds its concurrency when it has no queue', async () => {
    const { start, bulkhead, finish } = rig({ concurrency: 2 });
    const calls = [start('a'), start('b')];
    const refusal = await start('c').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(BulkheadFullError);
    expect(refusal).toMatchObject({
      name: 'BulkheadFullError',
      code: 'ERR_BREAKER_BULKHEAD_FULL',
      message: '"db" runs 2 calls at once and has no place',
      breaker: 'db',
      concurrency: 2,
      waitedMs: 0,
      retryAfterMs: 0,
    });
    expect(bulkhead.stats()).toMatchObject({ running: 2, bulkheadRefused: 1 });
    await finish('a');
    await finish('b');
    expect(await Promise.all(calls)).toEqual(['a', 'b']);
    expect(bulkhead.stats().running).toBe(0);
  });

  test('serves its queue in order, and refuses what the queue cannot hold', async () => {
    const { start, begun, finish, bulkhead } = rig({ concurrency: 1, queue: { max: 2 } });
    start('a');
    start('b');
    start('c');
    await expect(start('d')).rejects.toThrow(BulkheadFullError);
    expect(bulkhead.stats()).toMatchObject({ running: 1, queued: 2 });
    await finish('a');
    start('e');
    await finish('b');
    await finish('c');
    expect(begun).toEqual(['a', 'b', 'c', 'e']);
  });

  test('lets who gives up leave the queue', async () => {
    const { start, begun, finish, bulkhead } = rig({ concurrency: 1, queue: { max: 1 } });
    const controller = new AbortController();
    start('a');
    const b = start('b', controller.signal);
    controller.abort('gone');
    await expect(b).rejects.toBe('gone');
    expect(bulkhead.stats().queued).toBe(0);
    start('c');
    await finish('a');
    expect(begun).toEqual(['a', 'c']);
  });

  test('passes the place on when who was served gives up in the same moment', async () => {
    const { start, begun, finish, bulkhead, clock } = rig({ concurrency: 1, queue: { max: 2 } });
    const controller = new AbortController();
    start('a');
    start('b', controller.signal);
    start('c');
    controller.abort('gone');
    await finish('a');
    await clock.advance(0);
    expect(begun).toEqual(['a', 'c']);
    await finish('c');
    expect(bulkhead.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  test('does not let a call wait longer than it may', async () => {
    const { start, clock, begun, finish } = rig({
      concurrency: 1,
      queue: { max: 10, timeoutMs: 200 },
    });
    start('a');
    const b = start('b');
    await clock.advance(100);
    const c = start('c');
    await clock.advance(100);
    await expect(b).rejects.toMatchObject({
      waitedMs: 200,
      message: '"db" runs 1 calls at once and has no place within 200 ms',
    });
    await finish('a');
    await finish('c');
    await expect(c).resolves.toBe('c');
    expect(begun).toEqual(['a', 'c']);
    await clock.advance(1_000);
    expect(clock.timers).toBe(0);
  });

  test('forgets how long a call may wait as soon as it is served', async () => {
    const { start, clock, finish } = rig({ concurrency: 1, queue: { max: 1, timeoutMs: 200 } });
    start('a');
    const b = start('b');
    await clock.advance(100);
    await finish('a');
    await clock.advance(1_000);
    await finish('b');
    await expect(b).resolves.toBe('b');
  });

  test('keeps the place of a call until its work settles, not until the timeout', async () => {
    const clock = manualClock();
    const policy = createPolicy({ bulkhead: { concurrency: 1 }, timeoutMs: 100, clock });
    const work = Promise.withResolvers<void>();
    const call = expect(policy.execute(() => work.promise)).rejects.toThrow(CallTimeoutError);
    await clock.advance(100);
    await call;
    expect(policy.stats().running).toBe(1);
    await expect(policy.execute(() => 1)).rejects.toThrow(BulkheadFullError);
    work.reject(new Error('late'));
    await clock.advance(0);
    expect(await policy.execute(() => 1)).toBe(1);
  });

  test('gives the place back when the function throws', async () => {
    const { bulkhead } = rig({ concurrency: 1 });
    const thrown = () => {
      throw new Error('at once');
    };
    await expect(bulkhead.execute(thrown)).rejects.toThrow('at once');
    expect(bulkhead.stats().running).toBe(0);
  });

  test('counts only its own work when an earlier attempt still runs', async () => {
    const clock = manualClock();
    const retry = { attempts: 2, backoff: { baseMs: 0 } };
    const policy = createPolicy({ retry, bulkhead: { concurrency: 5 }, timeoutMs: 100, clock });
    const hung = Promise.withResolvers<void>();
    const call = policy.execute(({ attempt }) => {
      if (attempt === 1) return hung.promise;
      throw new Error('at once');
    });
    const failed = expect(call).rejects.toThrow('at once');
    await clock.advance(200);
    await failed;
    expect(policy.stats().running).toBe(1);
    hung.resolve();
    await clock.advance(0);
    expect(policy.stats().running).toBe(0);
  });

  test('serves a long queue whose work throws as it is called', async () => {
    const { bulkhead, start, finish } = rig({ concurrency: 1, queue: { max: 20_000 } });
    const running = start('a');
    const calls = Array.from({ length: 20_000 }, (_, i) =>
      bulkhead
        .execute(() => {
          throw i;
        })
        .catch((thrown: unknown) => thrown === i),
    );
    await finish('a');
    await running;
    expect(new Set(await Promise.all(calls))).toEqual(new Set([true]));
    expect(bulkhead.stats()).toMatchObject({ running: 0, queued: 0, failures: 20_000 });
  });

  const bad: [object, string][] = [
    [{ concurrency: 0 }, 'bulkhead.concurrency must be a positive integer, got 0'],
    [
      { concurrency: 1, queue: { max: -1 } },
      'bulkhead.queue.max must be a non-negative integer, got -1',
    ],
    [
      { concurrency: 1, queue: { max: 1, whenFull: 'wait' } },
      'bulkhead.queue.whenFull must be one of "reject", got "wait"',
    ],
    [
      { concurrency: 1, queue: { max: 1, timeoutMs: 0 } },
      'bulkhead.queue.timeoutMs must be at least 1 ms, got 0',
    ],
  ];
  test.each(bad)('refuses %o', (options, message) => {
    expect(() => createBulkhead(options as BulkheadOptions)).toThrow(message);
  });
});
