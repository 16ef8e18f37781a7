import type { Clock } from '../clock.ts';

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  /** Lets time pass, in ms, on both clocks; timers that become due run in their order, each at its own time. */
  advance(ms: number): void;
  /**
   * As `advance`, and after each timer gives the promises that it settled time to run, so that the timers
   * which they set within the same span run too.
   */
  pass(ms: number): Promise<void>;
  /** Sets the wall clock forward or back, in ms, as an administrator would; no time passes. */
  setWallBy(ms: number): void;
  /** How many timers are set. */
  readonly timers: number;
}

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

/** @param startMs where the monotonic clock begins, default 0 */
export function manualClock(startMs = 0): ManualClock {
  let now = startMs;
  let wall = Date.UTC(2026, 0, 1);
  const timers = new Set<Timer>();

  function moveTo(ms: number): void {
    wall += ms - now;
    now = ms;
  }

  /** Runs the timer that is due next, if there is one until then. */
  function runNext(untilMs: number): boolean {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (!next || timer.dueMs < next.dueMs)) next = timer;
    }
    if (!next) return false;
    timers.delete(next);
    moveTo(Math.max(now, next.dueMs));
    next.run();
    return true;
  }

  return {
    now: () => now,
    wall: () => wall,
    after(ms, run) {
      const timer = { dueMs: now + Math.max(0, ms), run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(ms) {
      const untilMs = now + ms;
      while (runNext(untilMs)) {}
      moveTo(untilMs);
    },
    async pass(ms) {
      const untilMs = now + ms;
      do await settled();
      while (runNext(untilMs));
      moveTo(untilMs);
      await settled();
    },
    setWallBy(ms) {
      wall += ms;
    },
    get timers() {
      return timers.size;
    },
  };
}

/** As many turns of the event loop as a request through the memory broker and what follows on it take. */
const turns = 10;

/** Promises that are settled already, and those that wait for them, have run. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
