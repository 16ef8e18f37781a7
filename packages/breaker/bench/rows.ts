// The measurements. Each runs in a process of its own, as a service has one breaker in it: what one
// contestant did to the heap or taught the compiler, no other one feels.
import { opossum } from '@shopgpt/peers/breaker';
import { createBreaker } from '../src/index.ts';
import { closed, fired, refusals } from './contestants.ts';
import { costNs, heapBytes, median, timersSetBy } from './measure.ts';

/** Nanoseconds of a call that goes through. */
export function passing(name: string): Promise<number> {
  return costOf(closed[name] ?? fired[name]);
}

/** Nanoseconds of a call that is refused. */
export function refusing(name: string): Promise<number> {
  return costOf(refusals[name]);
}

async function costOf(make: (() => (i: number) => unknown) | undefined): Promise<number> {
  return make ? costNs(make()) : Number.NaN;
}

/** Frames in the stack of a refusal. */
export async function stackFrames(): Promise<number> {
  const breaker = createBreaker();
  breaker.isolate();
  const refusal = breaker.execute(() => 1).catch((error: Error) => error.stack ?? '');
  return String(await refusal).split('\n').length - 1;
}

export interface Idle {
  readonly timers: number;
  readonly bytes: number;
  readonly peerTimers: number;
}

/** What 10,000 breakers hold that do nothing; and how many timers a circuit of opossum has. */
export async function idle(): Promise<Idle> {
  const create = (count: number) =>
    Array.from({ length: count }, (_, i) => createBreaker({ name: `host ${i}` }));
  // The code has its share of the heap once it has run; and what is gone is forgotten in a later turn.
  create(1_000);
  heapBytes();
  await new Promise((resolve) => setImmediate(resolve));
  const before = heapBytes();
  const breakers = create(10_000);
  const bytes = (heapBytes() - before) / breakers.length;
  const timers = timersSetBy(() => create(10_000));
  const peerTimers = timersSetBy(() => opossum(async () => 1));
  return { timers, bytes, peerTimers };
}

const neverTrips = { intervalMs: 600_000, readyToTrip: () => false };

/** How it is called, and how many calls are in its window first. */
const failingCalls: Readonly<
  Record<string, (work: () => Promise<number>) => [() => Promise<unknown>, number]>
> = {
  breaker: (work) => {
    const breaker = createBreaker(neverTrips);
    return [() => breaker.execute(work), 1_000_000];
  },
  'rolling window': (work) => {
    const breaker = createBreaker({ ...neverTrips, bucketMs: 1_000 });
    return [() => breaker.execute(work), 1_000_000];
  },
  opossum: (work) => {
    const options = { rollingCountTimeout: 600_000, errorThresholdPercentage: 101 };
    const circuit = opossum(work, options);
    return [() => circuit.fire(), 100_000];
  },
};

/** Microseconds of one call that fails, with many in the window. */
export async function failing(name: string): Promise<number> {
  const down = new Error('down');
  let isUp = true;
  const work = async () => {
    if (isUp) return 1;
    throw down;
  };
  const [call = work, before = 0] = failingCalls[name]?.(work) ?? [];
  for (let i = 0; i < before; i += 1) await call();
  isUp = false;
  const taken: number[] = [];
  for (let i = 0; i < 15; i += 1) {
    const startedAt = performance.now();
    await call().catch(() => undefined);
    taken.push((performance.now() - startedAt) * 1_000);
  }
  return median(taken);
}

/** Megabytes by which the heap grows over ten million calls. */
export async function growth(): Promise<number> {
  const breaker = createBreaker({ slowCallMs: 1_000 });
  const work = async (i: number) => i;
  for (let i = 0; i < 100_000; i += 1) await breaker.execute(() => work(i));
  const before = heapBytes();
  for (let i = 0; i < 10_000_000; i += 1) await breaker.execute(() => work(i));
  return (heapBytes() - before) / 1e6;
}
