// The measurements. Each runs in a process of its own: what one contestant did to the heap or the
// compiler, no other one feels.
import type { Loader, Sink } from '@shopgpt/peers/batcher';
import { Backend } from './backend.ts';
import { create } from './contestants.ts';
import { cpuUs, liveHeap, median, quantile, sleep } from './measure.ts';

const instant: Sink = async (keys) => keys;

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

async function wave(loader: Loader, from: number, size: number): Promise<void> {
  const loads = new Array<Promise<number>>(size);
  for (let i = 0; i < size; i += 1) loads[i] = loader.load(from + i);
  await Promise.all(loads);
}

/** Nanoseconds of processor time per load, in waves of a thousand. */
export async function cpu(name: string): Promise<number> {
  const loader = create(name, instant, 1_000);
  const waves = 200;
  const figures: number[] = [];
  for (let round = 0; round < 14; round += 1) {
    const before = cpuUs();
    for (let i = 0; i < waves; i += 1) await wave(loader, (round * waves + i) * 1_000, 1_000);
    figures.push((cpuUs() - before) / waves);
  }
  loader.stop?.();
  return median(figures.slice(4));
}

/** Milliseconds that one load alone takes on top of an instant backend, p50. */
export async function idle(name: string): Promise<number> {
  const loader = create(name, instant, 1_000);
  const figures: number[] = [];
  for (let i = 0; i < 120; i += 1) {
    await sleep(10 + (i % 7));
    const startedAt = performance.now();
    await loader.load(i);
    figures.push(performance.now() - startedAt);
  }
  loader.stop?.();
  return median(figures.slice(20));
}

export interface Arrivals {
  readonly p50: number;
  readonly p99: number;
  readonly meanBatch: number;
  readonly lost: number;
}

/** Every load in a macrotask of its own, as requests come, 20,000 a second for two seconds. */
export async function arrivals(name: string): Promise<Arrivals> {
  const backend = new Backend(2.5);
  const loader = create(name, backend.sink, 500);
  const latencies: number[] = [];
  const startedAt = performance.now();
  let sent = 0;
  const loadOne = () => {
    const at = performance.now();
    sent += 1;
    loader.load(sent).then(
      () => latencies.push(performance.now() - at),
      () => undefined,
    );
  };
  for (let passed = 0; passed < 2_000; passed = performance.now() - startedAt) {
    if (sent < passed * 20) loadOne();
    await nextTurn();
    backend.poll();
  }
  const deadline = performance.now() + 3_000;
  while (latencies.length < sent && performance.now() < deadline) {
    await nextTurn();
    backend.poll();
  }
  loader.stop?.();
  const lost = sent - latencies.length;
  // What is not answered yet took at least as long as the slowest answer so far.
  for (let i = 0; i < lost; i += 1) latencies.push(Number.POSITIVE_INFINITY);
  return {
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    meanBatch: backend.keys / backend.calls,
    lost,
  };
}

export interface Overload {
  readonly outstanding: number;
  readonly refused: number;
  readonly heapMb: number;
}

/** Ten times what the backend can do (2,000 a second), for four seconds. */
export async function overload(name: string): Promise<Overload> {
  const backend = new Backend(200);
  const loader = create(name, backend.sink, 100);
  const before = liveHeap();
  const startedAt = performance.now();
  let [sent, done, refused] = [0, 0, 0];
  for (let passed = 0; passed < 4_000; passed = performance.now() - startedAt) {
    for (; sent < passed * 20; sent += 1) {
      loader.load(sent).then(
        () => {
          done += 1;
        },
        () => {
          refused += 1;
        },
      );
    }
    await sleep(5);
    backend.poll();
  }
  const heapMb = (liveHeap() - before) / 1e6;
  loader.stop?.();
  return { outstanding: sent - done - refused, refused, heapMb };
}

export interface Burst {
  readonly lost: number;
  readonly ms: number;
  readonly peakMb: number;
  readonly keptMb: number;
}

/** A million loads in one tick. */
export async function burst(name: string): Promise<Burst> {
  const loader = create(name, instant, 1_000);
  await wave(loader, 0, 1_000);
  const before = liveHeap();
  const startedAt = performance.now();
  let answered = 0;
  const loads: Promise<void>[] = [];
  for (let i = 0; i < 1_000_000; i += 1) {
    const check = (value: number) => {
      if (value === i) answered += 1;
    };
    loads.push(loader.load(i).then(check));
  }
  const peakMb = (process.memoryUsage().heapUsed - before) / 1e6;
  await Promise.all(loads);
  const ms = performance.now() - startedAt;
  loads.length = 0;
  await sleep(10);
  const keptMb = (liveHeap() - before) / 1e6;
  loader.stop?.();
  return { lost: 1_000_000 - answered, ms, peakMb, keptMb };
}
