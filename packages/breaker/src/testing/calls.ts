import type { Work } from '../work.ts';
import type { ManualClock } from './manual-clock.ts';

/** A call that never settles by itself: only when its signal is aborted, and not even then on request. */
export function hangingCall(options: { ignoresSignal?: boolean } = {}): Work<Promise<never>> {
  const { ignoresSignal = false } = options;
  return ({ signal }) =>
    new Promise((_resolve, reject) => {
      if (!ignoresSignal) signal.addEventListener('abort', () => reject(signal.reason));
    });
}

/** A call that fails at once. */
export function failingCall(error: unknown = new Error('this call fails')): Work<Promise<never>> {
  return () => Promise.reject(error);
}

/** A call that answers `value` after `ms` of the clock, unless its signal is aborted before. */
export function slowCall<T>(clock: ManualClock, ms: number, value: T): Work<Promise<T>> {
  return ({ signal }) =>
    new Promise((resolve, reject) => {
      const cancel = clock.setTimer(() => resolve(value), ms);
      signal.addEventListener('abort', () => {
        cancel();
        reject(signal.reason);
      });
    });
}
