import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type Breaker,
  BreakerOpenError,
  type BreakerOptions,
  type Counts,
  createBreaker,
} from '../src/index.ts';
import { OpossumBreaker } from '../src/opossum/index.ts';

/** How a call ended, in the words of the recordings. */
type Ending = 'ok' | 'fail' | 'excl';

// A refusal further in is excluded by itself: so these need no `classify`.
const endings = { fail: new Error('failed'), excl: new BreakerOpenError('further in', 0) };

const classify: BreakerOptions['classify'] = (outcome) => {
  if (outcome.ok) return 'success';
  return outcome.error === endings.fail ? 'failure' : 'excluded';
};

/** What is driven: our breaker itself, or opossum's circuit with it inside. */
interface Driven {
  readonly breaker: Breaker;
  execute(fn: () => Promise<unknown>): Promise<unknown>;
}

const kinds: Record<string, (options: BreakerOptions) => Driven> = {
  breaker: (options) => {
    const breaker = createBreaker(options);
    return { breaker, execute: (fn) => breaker.execute(fn) };
  },
  OpossumBreaker: (options) => {
    const run = (fn: () => Promise<unknown>) => fn();
    const circuit = new OpossumBreaker(run, { ...options, timeout: false });
    const execute = (fn: () => Promise<unknown>) =>
      circuit.fire(fn).catch((error) => {
        throw error.code === 'EOPENBREAKER' ? error.cause : error;
      });
    return { breaker: circuit.breaker, execute };
  },
};

function create(kind: string): (options: BreakerOptions) => Driven {
  const found = kinds[kind];
  if (!found) throw new Error(`no such kind: ${kind}`);
  return found;
}

/** A breaker on a clock of its own, driven like the recorded one: every outcome is told by hand. */
class Rig {
  nowMs = 0;
  readonly #driven: Driven;
  readonly #pending = new Map<string, (ending: Ending) => void>();
  readonly #calls = new Map<string, Promise<unknown>>();

  constructor(options: BreakerOptions, create: (options: BreakerOptions) => Driven) {
    this.#driven = create({
      maxHalfOpenMs: Number.POSITIVE_INFINITY,
      ...options,
      clock: { now: () => this.nowMs },
    });
  }

  get breaker(): Breaker {
    return this.#driven.breaker;
  }

  /** Starts a call that stays pending, and says whether it was let through. */
  async start(id: string): Promise<'admitted' | 'open' | 'busy'> {
    const work = Promise.withResolvers<Ending>();
    let ran = false;
    const call = this.#driven.execute(() => {
      ran = true;
      return work.promise;
    });
    if (ran) {
      this.#calls.set(id, call);
      this.#pending.set(id, (ending) => {
        if (ending === 'ok') work.resolve(ending);
        else work.reject(endings[ending]);
      });
      return 'admitted';
    }
    const refusal = await call.catch((error) => error.code);
    return refusal === 'ERR_BREAKER_OPEN' ? 'open' : 'busy';
  }

  async end(id: string, ending: Ending): Promise<void> {
    this.#pending.get(id)?.(ending);
    await this.#calls.get(id)?.catch(() => undefined);
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }

  async call(ending: Ending): Promise<'admitted' | 'open' | 'busy'> {
    const admission = await this.start('at once');
    if (admission === 'admitted') await this.end('at once', ending);
    return admission;
  }
}

function recorded<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./conformance/${name}`, import.meta.url), 'utf8')) as T;
}

interface Trip {
  consecutiveFailures?: number;
  minRequests?: number;
  failureRatio?: number;
}

/** What the scenarios were recorded with. */
const seed: Trip = { minRequests: 3, failureRatio: 0.6 };

function tripRule({ consecutiveFailures, minRequests = 0, failureRatio = 0 }: Trip) {
  return (counts: Counts) =>
    consecutiveFailures === undefined
      ? counts.requests >= minRequests && counts.failures / counts.requests >= failureRatio
      : counts.consecutiveFailures >= consecutiveFailures;
}

describe('every step of the recorded traces', () => {
  type After = [string, number, number, number, number, number, number];
  type Step =
    | ['call', Ending, string, After]
    | ['start', string, string, After]
    | ['end', string, Ending, After]
    | ['advance', number, After];
  type Settings = Pick<
    Required<BreakerOptions>,
    'bucketMs' | 'intervalMs' | 'maxRequests' | 'openMs'
  > & { trip: Trip };
  const { traces } = recorded<{ traces: { settings: Settings; steps: Step[] }[] }>(
    'gobreaker-traces.json',
  );

  async function play(rig: Rig, step: Step): Promise<string | undefined> {
    if (step[0] === 'call') return rig.call(step[1]);
    if (step[0] === 'start') return rig.start(step[1]);
    if (step[0] === 'end') await rig.end(step[1], step[2]);
    else rig.pass(step[1]);
    return undefined;
  }

  function observed({ state, counts }: Breaker): After {
    const { requests, successes, failures, exclusions } = counts;
    const { consecutiveSuccesses, consecutiveFailures } = counts;
    const streaks = [consecutiveSuccesses, consecutiveFailures] as const;
    return [state, requests, successes, failures, exclusions, ...streaks];
  }

  const variants = traces.flatMap((trace, index) => [
    { index, ...trace, by: 'the default', options: {}, kind: 'breaker' },
    { index, ...trace, by: 'the user', options: { classify }, kind: 'breaker' },
    { index, ...trace, by: 'opossum', options: {}, kind: 'OpossumBreaker' },
  ]);

  test.each(variants)(
    'is equal to gobreaker in trace $index, classified by $by',
    async ({ settings: { trip, ...settings }, steps, options, kind }) => {
      const rig = new Rig({ ...settings, ...options, readyToTrip: tripRule(trip) }, create(kind));
      expect(steps).toHaveLength(250);
      for (const [index, step] of steps.entries()) {
        const admission = await play(rig, step);
        const recordedAdmission = step[0] === 'call' || step[0] === 'start' ? step[2] : undefined;
        expect(
          [admission, ...observed(rig.breaker)],
          `step ${index}: ${JSON.stringify(step)}`,
        ).toEqual([recordedAdmission, ...(step.at(-1) as After)]);
      }
    },
  );
});

describe('every step of the scripted scenarios', () => {
  interface Step {
    op: 'call' | 'start' | 'end' | 'adv' | 'freeze' | 'state';
    id?: string;
    res?: Ending;
    n?: number;
    ms?: number;
    expectRan?: number;
    expectState?: string;
  }
  const { scenarios } = recorded<{ scenarios: { name: string; steps: Step[] }[] }>(
    'gobreaker-scenarios.json',
  );

  const play: Record<Step['op'], (rig: Rig, step: Step) => unknown> = {
    call: (rig, { res = 'ok' }) => rig.call(res),
    start: (rig, { id = '' }) => rig.start(id),
    end: (rig, { id = '', res = 'ok' }) => rig.end(id, res),
    adv: (rig, { ms = 0 }) => rig.pass(ms),
    freeze: (rig, { ms = 0 }) => rig.pass(ms),
    state: (rig) => rig.breaker.state,
  };

  /** Plays the step as often as it says; answers how many calls were let through. */
  async function ran(rig: Rig, step: Step): Promise<number> {
    const { n, id } = step;
    const ids = n === undefined ? [id] : Array.from({ length: n }, (_, i) => `${id}${i}`);
    let admitted = 0;
    for (const each of ids) {
      const admission = await play[step.op](rig, { ...step, ...(each && { id: each }) });
      if (admission === 'admitted') admitted += 1;
    }
    return admitted;
  }

  const variants = Object.keys(kinds).flatMap((kind) =>
    scenarios.map((scenario) => ({ kind, ...scenario })),
  );

  test.each(variants)('is equal to gobreaker in $name, as $kind', async ({ steps, kind }) => {
    const seconds = { maxRequests: 3, intervalMs: 60_000, openMs: 30_000, bucketMs: 0 };
    const rig = new Rig({ ...seconds, readyToTrip: tripRule(seed) }, create(kind));
    for (const [index, step] of steps.entries()) {
      const admitted = await ran(rig, step);
      const what = `step ${index}: ${JSON.stringify(step)}`;
      expect(admitted, what).toBe(step.expectRan ?? 0);
      if (step.expectState) expect(rig.breaker.state, what).toBe(step.expectState);
    }
  });
});
