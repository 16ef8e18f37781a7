/** A piece of work that is done in turns with others, so that noise of the machine hits all alike. */
export type Round = () => number | Promise<number>;

/**
 * Runs both, in turns, and gives the median over the rounds of what `ours` took as a multiple of
 * `base`: two rounds that follow each other meet the machine in the same mood.
 */
export async function medianRatio(rounds: number, ours: Round, base: Round): Promise<number> {
  const ratios: number[] = [];
  const warmUps = 3;
  for (let round = 0; round < rounds + warmUps; round += 1) {
    const [first, second] = round % 2 === 0 ? [ours, base] : [base, ours];
    const figures = [await first(), await second()] as const;
    const ratio = first === ours ? figures[0] / figures[1] : figures[1] / figures[0];
    if (round >= warmUps) ratios.push(ratio);
  }
  return median(ratios);
}

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Milliseconds that the work took. */
export async function time(work: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Milliseconds of the processor, in all threads of the process: what other processes do meanwhile does not count. */
export async function cpuTime(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
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
