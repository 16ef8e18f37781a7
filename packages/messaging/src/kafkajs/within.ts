import type { Clock } from '../clock.ts';

/** Settles with the work, or rejects with `late()` after so long; then the work goes on unheard. */
export function within<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
  late: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const callOff = clock.after(ms, () => reject(late()));
    work.then(resolve, reject).finally(callOff);
  });
}

/** Waits; ends at once when the signal says so. Rejects nothing. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      callOff();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const callOff = clock.after(ms, end);
    signal?.addEventListener('abort', end, { once: true });
  });
}
