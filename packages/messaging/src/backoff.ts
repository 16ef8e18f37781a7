/** No wait is longer. */
const CAP_MS = 30_000;
const BASE_MS = 250;

/**
 * How long to wait after so many failures in a row, in ms: anything up to a limit that doubles from 0.5 s to
 * 30 s ("full jitter", after Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
export function backoffMs(failures: number, random: () => number): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 20));
}
