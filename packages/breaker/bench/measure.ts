import { createHook } from 'node:async_hooks';

/** One way of making one call. */
export type Call = (i: number) => unknown;

/** The clock of processor time moves in steps of milliseconds. */
const sampleNs = 300e6;
const warmUpCalls = 100_000;
const samples = 3;

/** CPU time of one call, in ns, collecting garbage included: the median of a few long samples. */
export async function costNs(call: Call): Promise<number> {
  await sample(call, warmUpCalls);
  const calls = Math.ceil(sampleNs / (await sample(call, warmUpCalls)));
  const taken: number[] = [];
  for (let i = 0; i < samples; i += 1) taken.push(await sample(call, calls));
  return median(taken);
}

async function sample(call: Call, calls: number): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < calls; i += 1) await call(i);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / calls;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Bytes of heap in use once everything that can be collected has been. */
export function heapBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** How many timers are set meanwhile, those that hold no process included. */
export function timersSetBy(run: () => void): number {
  let timers = 0;
  const hook = createHook({
    init(_, type) {
      if (type === 'Timeout') timers += 1;
    },
  });
  hook.enable();
  run();
  hook.disable();
  return timers;
}
