/** A piece of work that is done in turns with others, so that noise of the machine hits all alike. */
export type Round = () => number | Promise<number>;

/** Runs all contestants round after round; gives the median figure of each. */
export async function interleave<Name extends string>(
  rounds: number,
  contestants: Record<Name, Round>,
): Promise<Record<Name, number>> {
  const names = Object.keys(contestants) as Name[];
  const figures = new Map<Name, number[]>(names.map((name) => [name, []]));
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of names) {
      const figure = await contestants[name]();
      if (round > 0) figures.get(name)?.push(figure);
    }
  }
  const medians = names.map((name) => [name, median(figures.get(name) ?? [])]);
  return Object.fromEntries(medians) as Record<Name, number>;
}

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Nanoseconds of this thread's CPU for one call: other processes disturb that less than the clock on the wall. */
export async function cpuPerCall(calls: number, work: () => unknown): Promise<number> {
  const before = process.threadCpuUsage();
  await work();
  const { user, system } = process.threadCpuUsage(before);
  return ((user + system) * 1000) / calls;
}

/** A small record as services keep them: about 120 bytes as JSON. */
export function record(i: number): object {
  return {
    id: i,
    name: `User number ${i}`,
    email: `user${i}@example.com`,
    active: i % 2 === 0,
    score: i * 1.5,
    tags: ['alpha', 'beta', `g${i % 7}`],
  };
}

export function keyOf(i: number): string {
  return `user:${String(i).padStart(6, '0')}`;
}
