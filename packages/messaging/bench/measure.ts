/** What a measurement says, by name. */
export type Figures = Readonly<Record<string, number>>;

export const sleep = (ms: number): Promise<unknown> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds of CPU of this process, in all its threads. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Seconds, and ms of CPU, since it was called. */
export function stopwatch(): () => { readonly seconds: number; readonly cpuMs: number } {
  const [beganMs, cpu] = [performance.now(), cpuMs()];
  return () => ({ seconds: (performance.now() - beganMs) / 1_000, cpuMs: cpuMs() - cpu });
}

/** The value below which such a part of all values lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.filter(Number.isFinite).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}
