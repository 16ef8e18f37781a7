import type { Clock } from '../clock.ts';

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  /** Lets time pass, in ms, on both clocks. */
  advance(ms: number): void;
  /** Sets the wall clock forward or back, in ms, as an administrator would; no time passes. */
  setWallBy(ms: number): void;
}

/** @param startMs where the monotonic clock begins, default 0 */
export function manualClock(startMs = 0): ManualClock {
  let now = startMs;
  let wall = Date.UTC(2026, 0, 1);
  return {
    now: () => now,
    wall: () => wall,
    advance(ms) {
      now += ms;
      wall += ms;
    },
    setWallBy(ms) {
      wall += ms;
    },
  };
}
