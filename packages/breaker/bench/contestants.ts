import {
  cockatielBreaker,
  cockatielIsolated,
  cockatielWrap,
  opossum,
} from '@shopgpt/peers/breaker';
import { createBreaker, createPolicy } from '../src/index.ts';
import { OpossumBreaker } from '../src/opossum/index.ts';
import type { Call } from './measure.ts';

const work = async (i: number): Promise<number> => i;
const sharedError = new Error('open');

/** What a breaker cannot do without, written by hand: the lower bounds. */
function byHand(clockReads: 0 | 1 | 2): Call {
  const state = { open: false, endsAtMs: Number.MAX_VALUE, successes: 0, failures: 0 };
  const late = () => performance.now() > state.endsAtMs;
  return async (i) => {
    if (state.open || (clockReads > 0 && late())) throw sharedError;
    try {
      const value = await work(i);
      if (clockReads < 2 || !late()) state.successes += 1;
      return value;
    } catch (error) {
      state.failures += 1;
      throw error;
    }
  };
}

function through(execute: (fn: () => Promise<number>) => Promise<unknown>): Call {
  return (i) => execute(() => work(i));
}

const breaker = createBreaker();
const slowAware = createBreaker({ slowCallMs: 1_000 });
const rolling = createBreaker({ bucketMs: 6_000 });
const policy = createPolicy({
  deadlineMs: 5_000,
  fallback: () => 0,
  retry: { attempts: 3 },
  breaker: createBreaker(),
  bulkhead: { concurrency: 50, queue: { max: 100, timeoutMs: 200 } },
  timeoutMs: 2_000,
});
const ofFour = createPolicy({
  retry: { attempts: 3 },
  breaker: createBreaker(),
  bulkhead: { concurrency: 1_000 },
  timeoutMs: 10_000,
});

/** A call that goes through. */
export const closed: Record<string, Call> = {
  raw: work,
  'by hand, counts only': byHand(0),
  'by hand, one clock read': byHand(1),
  'by hand, two clock reads': byHand(2),
  breaker: through((fn) => breaker.execute(fn)),
  'breaker, slowCallMs': through((fn) => slowAware.execute(fn)),
  'breaker, rolling window': through((fn) => rolling.execute(fn)),
  'cockatiel SamplingBreaker': through(cockatielBreaker()),
  'policy of all six': through((fn) => policy.execute(fn)),
  'policy of four': through((fn) => ofFour.execute(fn)),
  'cockatiel wrap of four': through(cockatielWrap()),
};

const opossums = { ours: new OpossumBreaker(work), bare: opossum(work) };

/** The same through opossum's door. */
export const fired: Record<string, Call> = {
  raw: work,
  'OpossumBreaker.fire': (i) => opossums.ours.fire(i),
  'opossum fire': (i) => opossums.bare.fire(i),
};

function refused(execute: () => Promise<unknown>): Call {
  return async () => {
    try {
      await execute();
    } catch (error) {
      return error;
    }
  };
}

const isolated = createBreaker();
isolated.isolate();
const openOpossum = opossum(work);
openOpossum.open();
const isolatedPeer = cockatielIsolated();

/** A call that is refused because the breaker is open. */
export const refusals: Record<string, Call> = {
  'shared error': refused(async () => {
    throw sharedError;
  }),
  breaker: refused(() => isolated.execute(() => work(1))),
  cockatiel: refused(() => isolatedPeer(() => work(1))),
  opossum: refused(() => openOpossum.fire(1)),
};

export function shutdown(): void {
  openOpossum.shutdown();
  opossums.bare.shutdown();
}
