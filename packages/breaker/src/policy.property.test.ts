import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBreaker } from './breaker.ts';
import { createPolicy } from './policy.ts';
import { manualClock } from './testing/manual-clock.ts';
import type { CallContext } from './work.ts';

// The interplay of the parts: any mixture of works, arriving and given up at any time.

interface Job {
  readonly arriveMs: number;
  readonly abortAfterMs: number | undefined;
  /** What each attempt does in turn; the last one is repeated. */
  readonly works: readonly { readonly takesMs: number; readonly how: 'ok' | 'fail' | 'throw' }[];
}

const job: fc.Arbitrary<Job> = fc.record({
  arriveMs: fc.nat(300),
  abortAfterMs: fc.option(fc.nat(500), { nil: undefined, freq: 4 }),
  works: fc.array(
    fc.record({
      takesMs: fc.constantFrom(0, 1, 40, 100, 101, 400, 5_000),
      how: fc.constantFrom('ok' as const, 'fail' as const, 'throw' as const),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

const parts = fc.record({
  deadlineMs: fc.constantFrom(150, 400),
  timeoutMs: fc.constantFrom(50, 100),
  attempts: fc.integer({ min: 1, max: 4 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  max: fc.nat(4),
  queueMs: fc.constantFrom(30, 1_000),
});

type Parts = typeof parts extends fc.Arbitrary<infer P> ? P : never;

async function play(jobs: readonly Job[], given: Parts): Promise<void> {
  const clock = manualClock();
  const { deadlineMs, timeoutMs, attempts, concurrency, max, queueMs } = given;
  const policy = createPolicy({
    clock,
    deadlineMs,
    timeoutMs,
    retry: { attempts, backoff: { baseMs: 20, jitter: 'none' } },
    breaker: createBreaker({ clock, openMs: 50 }),
    bulkhead: { concurrency, queue: { max, timeoutMs: queueMs } },
  });
  let running = 0;
  let settled = 0;

  async function begin({ abortAfterMs, works }: Job): Promise<void> {
    const begunMs = clock.now();
    const controller = new AbortController();
    if (abortAfterMs !== undefined) clock.setTimer(() => controller.abort(), abortAfterMs);
    let made = 0;
    const work = ({ attempt }: CallContext) => {
      made += 1;
      expect(attempt).toBe(made);
      const { how, takesMs } = works[Math.min(made, works.length) - 1] ?? { how: 'ok', takesMs: 0 };
      if (how === 'throw') throw new Error(how);
      running += 1;
      expect(running).toBeLessThanOrEqual(concurrency);
      return new Promise((resolve, reject) => {
        clock.setTimer(() => {
          running -= 1;
          if (how === 'ok') resolve(how);
          else reject(new Error(how));
        }, takesMs);
      });
    };
    await policy.execute(work, { signal: controller.signal }).catch(() => undefined);
    settled += 1;
    expect(made).toBeLessThanOrEqual(attempts);
    expect(clock.now() - begunMs).toBeLessThanOrEqual(Math.min(deadlineMs, abortAfterMs ?? 1e9));
  }

  const calls: Promise<void>[] = [];
  for (const each of jobs) clock.setTimer(() => calls.push(begin(each)), each.arriveMs);
  await clock.advance(20_000);
  await Promise.all(calls);
  expect([settled, running, clock.timers]).toEqual([jobs.length, 0, 0]);
  const stats = policy.stats();
  expect(stats).toMatchObject({ calls: jobs.length, running: 0, queued: 0 });
  expect(stats.successes + stats.failures).toBe(jobs.length);
}

test('every call ends by its deadline, runs within the bulkhead, and leaves nothing behind', async () => {
  const jobs = fc.array(job, { minLength: 1, maxLength: 12 });
  await fc.assert(fc.asyncProperty(jobs, parts, play), { numRuns: 60 });
}, 60_000);
