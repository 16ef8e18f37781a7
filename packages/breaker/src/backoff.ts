/** How long to wait before a retry. */
export interface BackoffOptions {
  /** The first delay, in ms; it doubles with every retry. Default 50. */
  readonly baseMs?: number;
  /** No delay is longer, in ms. Default 1,000. */
  readonly maxMs?: number;
  /**
   * `'full'`: anything from 0 to the delay. `'decorrelated'`: anything from `baseMs` to three times
   * the previous delay. `'none'`: the delay itself, so that clients that failed together come back
   * together. Both jitters as in "Exponential Backoff And Jitter" (AWS Architecture Blog). Default `'full'`.
   */
  readonly jitter?: 'full' | 'decorrelated' | 'none';
}

/** @param previousMs the delay before, 0 at first */
export function backoffMs(
  { baseMs, maxMs, jitter }: Required<BackoffOptions>,
  retry: number,
  previousMs: number,
): number {
  if (jitter === 'decorrelated') {
    const upToMs = Math.max(baseMs, previousMs * 3);
    return Math.min(maxMs, baseMs + Math.random() * (upToMs - baseMs));
  }
  const delayMs = Math.min(maxMs, baseMs * 2 ** Math.min(retry - 1, 53));
  return jitter === 'full' ? Math.random() * delayMs : delayMs;
}
