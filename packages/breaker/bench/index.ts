// npm run bench -w packages/breaker: ours beside the peers, in one run, as ratios of medians.
import { opossum } from '@shopgpt/peers/breaker';
import { createBreaker } from '../src/index.ts';
import { closed, fired, refusals, shutdown } from './contestants.ts';
import { activeTimers, costs, heapBytes, median } from './measure.ts';
import { print, type Row } from './table.ts';

const rounds = 31;

function ratio(of: Map<string, number>, what: string, to: string, bar?: number): Row {
  const measured = (of.get(what) ?? Number.NaN) / (of.get(to) ?? Number.NaN);
  return { what: `${what} / ${to}`, measured, unit: 'x', ...(bar !== undefined && { bar }) };
}

async function callCosts(): Promise<void> {
  const of = await costs(closed, rounds);
  print('One call that goes through', [
    ...[...of].map(([what, measured]): Row => ({ what, measured, unit: 'ns' })),
    ratio(of, 'by hand, counts only', 'raw'),
    ratio(of, 'by hand, one clock read', 'raw'),
    ratio(of, 'by hand, two clock reads', 'raw'),
    ratio(of, 'breaker', 'raw', 3.3),
    ratio(of, 'breaker', 'cockatiel SamplingBreaker', 0.75),
    ratio(of, 'breaker, slowCallMs', 'cockatiel SamplingBreaker', 1),
    ratio(of, 'policy of all six', 'raw', 12),
    ratio(of, 'policy of all six', 'cockatiel wrap of four', 0.1),
    ratio(of, 'policy of four', 'cockatiel wrap of four'),
  ]);
}

async function opossumCosts(): Promise<void> {
  const of = await costs(fired, rounds);
  print("Through opossum's door", [
    ratio(of, 'OpossumBreaker.fire', 'raw'),
    ratio(of, 'opossum fire', 'raw'),
    ratio(of, 'OpossumBreaker.fire', 'opossum fire', 0.5),
  ]);
}

async function refusalCosts(): Promise<void> {
  const of = await costs(refusals, rounds);
  const stack = await createIsolated()
    .execute(() => 1)
    .catch((error: Error) => error.stack ?? '');
  print('One call that is refused', [
    ratio(of, 'breaker', 'shared error', 1.5),
    ratio(of, 'cockatiel', 'shared error'),
    ratio(of, 'opossum', 'shared error'),
    {
      what: 'frames in the stack',
      measured: String(stack).split('\n').length - 1,
      unit: '',
      bar: 0,
    },
  ]);
}

function createIsolated() {
  const breaker = createBreaker();
  breaker.isolate();
  return breaker;
}

function idleCosts(): void {
  const count = 10_000;
  const timersBefore = activeTimers();
  const before = heapBytes();
  const breakers = Array.from({ length: count }, (_, i) => createBreaker({ name: `host ${i}` }));
  const bytes = (heapBytes() - before) / breakers.length;
  const timers = activeTimers() - timersBefore;
  const circuits = Array.from({ length: 100 }, () => opossum(async () => 1));
  const peerTimers = (activeTimers() - timersBefore - timers) / circuits.length;
  for (const circuit of circuits) circuit.shutdown();
  print('10,000 breakers that do nothing', [
    { what: 'timers of all', measured: timers, unit: 'timers', bar: 0 },
    { what: 'heap of each', measured: bytes, unit: 'B', bar: 1_024 },
    { what: 'timers of each circuit of opossum', measured: peerTimers, unit: 'timers' },
  ]);
}

async function failingCallCosts(): Promise<void> {
  const down = new Error('down');
  let up = true;
  const work = async () => {
    if (up) return 1;
    throw down;
  };
  const neverTrips = { intervalMs: 600_000, readyToTrip: () => false };
  const breaker = createBreaker(neverTrips);
  const rolling = createBreaker({ ...neverTrips, bucketMs: 1_000 });
  const circuit = opossum(work, { rollingCountTimeout: 600_000, errorThresholdPercentage: 101 });
  for (let i = 0; i < 1_000_000; i += 1) await breaker.execute(work);
  for (let i = 0; i < 1_000_000; i += 1) await rolling.execute(work);
  for (let i = 0; i < 100_000; i += 1) await circuit.fire();
  up = false;
  const failing = async (call: () => Promise<unknown>) => {
    const taken: number[] = [];
    for (let i = 0; i < 15; i += 1) {
      const before = performance.now();
      await call().catch(() => undefined);
      taken.push((performance.now() - before) * 1_000);
    }
    return median(taken);
  };
  print('One failing call', [
    {
      what: 'breaker, 1,000,000 calls in the window',
      measured: await failing(() => breaker.execute(work)),
      unit: 'us',
      bar: 50,
    },
    {
      what: 'breaker, the same in a rolling window',
      measured: await failing(() => rolling.execute(work)),
      unit: 'us',
      bar: 50,
    },
    {
      what: 'opossum, 100,000 calls in the window',
      measured: await failing(() => circuit.fire()),
      unit: 'us',
    },
  ]);
  circuit.shutdown();
}

async function heapOverTime(): Promise<void> {
  const breaker = createBreaker({ slowCallMs: 1_000 });
  const work = async (i: number) => i;
  const tenMillion = 10_000_000;
  for (let i = 0; i < 100_000; i += 1) await breaker.execute(() => work(i));
  const before = heapBytes();
  for (let i = 0; i < tenMillion; i += 1) await breaker.execute(() => work(i));
  const grown = (heapBytes() - before) / 1e6;
  print('10,000,000 calls through one breaker', [
    { what: 'growth of the heap', measured: grown, unit: 'MB', bar: 0.1 },
  ]);
}

console.log(`node ${process.version}, ${process.platform} ${process.arch}, ${rounds} rounds`);
await callCosts();
await opossumCosts();
await refusalCosts();
idleCosts();
await failingCallCosts();
await heapOverTime();
shutdown();
