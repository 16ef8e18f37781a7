import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Breaker, createBreaker, type Isolation } from './breaker.ts';
import type { BreakerOptions } from './options.ts';
import { manualClock } from './testing/manual-clock.ts';

// What the recordings of gobreaker do not have: aborts, hung trials, isolation, import of state.

type Command =
  | { readonly kind: 'start' }
  | { readonly kind: 'settle'; readonly which: number; readonly how: 'ok' | 'fail' | 'abort' }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'isolate' | 'release' | 'reimport' };

const which = fc.nat(20);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'start' } as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      which,
      how: fc.constantFrom('ok' as const, 'fail' as const, 'abort' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.constantFrom(0, 1, 50, 99, 101, 250, 1_001, 5_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('isolate', 'release', 'reimport').map((kind) => ({ kind })),
  },
);

const settings = fc.record({
  maxRequests: fc.integer({ min: 1, max: 4 }),
  intervalMs: fc.constantFrom(0, 100, 1_000),
  bucketMs: fc.constantFrom(0, 50),
  openMs: fc.constantFrom(100, 1_000),
  maxHalfOpenMs: fc.constantFrom(100, 1_000),
});

interface Flight {
  readonly work: PromiseWithResolvers<string>;
  readonly abort: AbortController;
  readonly result: Promise<string>;
}

/** A breaker, the calls that are in flight, and the isolations in force. */
class Model {
  readonly clock = manualClock();
  breaker: Breaker;
  readonly #options: BreakerOptions;
  readonly flights: Flight[] = [];
  readonly isolations: Isolation[] = [];

  constructor(options: BreakerOptions) {
    this.#options = { ...options, clock: this.clock };
    this.breaker = createBreaker(this.#options);
  }

  async run(step: Command): Promise<void> {
    if (step.kind === 'start') await this.#start();
    else if (step.kind === 'settle') await this.#settle(step.which, step.how);
    else if (step.kind === 'pass') this.clock.jump(step.ms);
    else if (step.kind === 'isolate') this.isolations.push(this.breaker.isolate());
    else if (step.kind === 'release') this.isolations.pop()?.release();
    else this.#reimport();
  }

  async #start(): Promise<void> {
    const { state, counts } = this.breaker;
    const full = counts.requests - counts.exclusions >= (this.#options.maxRequests ?? 0);
    const work = Promise.withResolvers<string>();
    const abort = new AbortController();
    let ran = false;
    const fn = () => {
      ran = true;
      return work.promise;
    };
    const result = this.breaker
      .execute(fn, { signal: abort.signal })
      .catch((error: unknown) => String(error));
    await Promise.resolve();
    expect(ran).toBe(state === 'closed' || (state === 'half-open' && !full));
    if (ran) this.flights.push({ work, abort, result });
    else expect(await result).toMatch(state === 'open' ? 'is open' : 'half-open');
  }

  /** Whatever the breaker thinks of it, the caller gets what the work or he himself said. */
  async #settle(index: number, how: 'ok' | 'fail' | 'abort'): Promise<void> {
    const [flight] = this.flights.splice(index % Math.max(1, this.flights.length), 1);
    if (!flight) return;
    if (how === 'ok') flight.work.resolve(how);
    else if (how === 'fail') flight.work.reject(how);
    else flight.abort.abort(how);
    expect(await flight.result).toBe(how);
  }

  #reimport(): void {
    const before = this.breaker.export();
    const other = createBreaker(this.#options);
    other.import(JSON.parse(JSON.stringify(before)));
    expect(other.export()).toMatchObject({
      state: before.state,
      sinceEpochMs: before.sinceEpochMs,
      openMs: before.openMs,
      timesOpened: before.timesOpened,
    });
  }

  check(): void {
    const { state, counts } = this.breaker;
    const stats = this.breaker.stats();
    const settled = counts.completed + counts.exclusions;
    expect(Math.min(...Object.values(counts))).toBeGreaterThanOrEqual(0);
    expect(counts.completed).toBe(counts.successes + counts.failures);
    expect(counts.requests - settled).toBeGreaterThanOrEqual(0);
    expect(counts.consecutiveSuccesses * counts.consecutiveFailures).toBe(0);
    const total = stats.successes + stats.failures + stats.exclusions;
    expect(stats.admitted - total).toBe(this.flights.length);
    if (this.isolations.length > 0) expect(state).toBe('open');
    if (state === 'open') expect(counts.requests).toBe(0);
    if (state === 'half-open') {
      const { maxRequests = 0 } = this.#options;
      expect(counts.requests - counts.exclusions).toBeLessThanOrEqual(maxRequests);
      expect(counts.failures).toBe(0);
    }
  }
}

describe('whatever happens', () => {
  test('a breaker lets through what its state allows, and its counts add up', async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.array(command, { maxLength: 60 }), async (options, steps) => {
        const model = new Model(options);
        for (const step of steps) {
          await model.run(step);
          model.check();
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a breaker that nobody isolates lets a call through again after a while', async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.array(command, { maxLength: 60 }), async (options, steps) => {
        const model = new Model(options);
        for (const step of steps) await model.run(step);
        for (const isolation of model.isolations) isolation.release();
        // Hung trials are written off, then it has to stay open once more.
        model.clock.jump(options.maxHalfOpenMs + options.openMs + 1);
        expect(await model.breaker.execute(() => 'through')).toBe('through');
      }),
      { numRuns: 100 },
    );
  });
});
