/** One way of making one call. */
export type Call = (i: number) => unknown;

/** Long enough to have its share of collecting garbage. */
const sampleNs = 20e6;
const warmUpCalls = 50_000;

/**
 * Median CPU time of one call of each, in ns, collecting garbage included. The rounds are
 * interleaved, so that a change of the machine's mood meets all of them alike.
 */
export async function costs(
  contestants: Readonly<Record<string, Call>>,
  rounds: number,
): Promise<Map<string, number>> {
  const runs = [];
  for (const [name, call] of Object.entries(contestants)) {
    await sample(call, warmUpCalls);
    const calls = Math.ceil(sampleNs / (await sample(call, warmUpCalls)));
    runs.push({ name, call, calls, taken: [] as number[] });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { call, calls, taken } of runs) taken.push(await sample(call, calls));
  }
  return new Map(runs.map(({ name, taken }) => [name, median(taken)]));
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

export function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}
