import { within } from '../deadline.ts';

export interface ProbeOptions {
  /** Who asks gets `false` after this time, whatever hangs. */
  readonly timeoutMs: number;
  /** A good answer is good for this long, so that a flood of questions is no flood of checks. */
  readonly freshMs: number;
}

/** Asks whether something works: one check at a time, in bounded time, never with an error. */
export function createProbe(
  check: () => Promise<unknown>,
  { timeoutMs, freshMs }: ProbeOptions,
): () => Promise<boolean> {
  let freshUntilMs = Number.NEGATIVE_INFINITY;
  let running: Promise<boolean> | undefined;

  async function run(): Promise<boolean> {
    try {
      await check();
      freshUntilMs = performance.now() + freshMs;
      return true;
    } catch {
      return false;
    } finally {
      running = undefined;
    }
  }

  return async () => {
    if (performance.now() < freshUntilMs) return true;
    running ??= run();
    return within(running, timeoutMs).catch(() => false);
  };
}
