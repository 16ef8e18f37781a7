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

interface Executes {
  execute(fn: () => Promise<number>): Promise<unknown>;
}

const through = (executes: Executes): Call => {
  return (i) => executes.execute(() => work(i));
};

const policyOfSix = () =>
  createPolicy({
    deadlineMs: 5_000,
    fallback: () => 0,
    retry: { attempts: 3 },
    breaker: createBreaker(),
    bulkhead: { concurrency: 50, queue: { max: 100, timeoutMs: 200 } },
    timeoutMs: 2_000,
  });

const policyOfFour = () =>
  createPolicy({
    retry: { attempts: 3 },
    breaker: createBreaker(),
    bulkhead: { concurrency: 1_000 },
    timeoutMs: 10_000,
  });

type Contestants = Readonly<Record<string, () => Call>>;

/** A call that goes through. Each is made in the process that measures it, and no other. */
export const closed: Contestants = {
  raw: () => work,
  'by hand, counts only': () => byHand(0),
  'by hand, one clock read': () => byHand(1),
  'by hand, two clock reads': () => byHand(2),
  breaker: () => through(createBreaker()),
  'breaker, slowCallMs': () => through(createBreaker({ slowCallMs: 1_000 })),
  'breaker, rolling window': () => through(createBreaker({ bucketMs: 6_000 })),
  'cockatiel SamplingBreaker': () => through({ execute: cockatielBreaker() }),
  'policy of all six': () => through(policyOfSix()),
  'policy of four': () => through(policyOfFour()),
  'cockatiel wrap of four': () => through({ execute: cockatielWrap() }),
};

/** The same through opossum's door. */
export const fired: Contestants = {
  raw: () => work,
  'OpossumBreaker.fire': () => {
    const circuit = new OpossumBreaker(work);
    return (i) => circuit.fire(i);
  },
  'opossum fire': () => {
    const circuit = opossum(work);
    return (i) => circuit.fire(i);
  },
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

/** A call that is refused because the breaker is open. */
export const refusals: Contestants = {
  'shared error': () =>
    refused(async () => {
      throw sharedError;
    }),
  breaker: () => {
    const breaker = createBreaker();
    breaker.isolate();
    return refused(() => breaker.execute(() => work(1)));
  },
  cockatiel: () => {
    const execute = cockatielIsolated();
    return refused(() => execute(() => work(1)));
  },
  opossum: () => {
    const circuit = opossum(work);
    circuit.open();
    return refused(() => circuit.fire(1));
  },
};
