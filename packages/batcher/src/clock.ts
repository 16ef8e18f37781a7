/** Where the time comes from. Tests pass their own; see `@shopgpt/batcher/testing`. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean something. */
  now(): number;
  /**
   * Calls `run` once, `ms` milliseconds from now; returns a function that calls it off.
   * Default: `setTimeout`, which keeps the process alive until then.
   */
  after?(ms: number, run: () => void): () => void;
}

export const systemClock: Required<Clock> = {
  now: () => performance.now(),
  after(ms, run) {
    // Not unref'd: a process must not exit while items wait for company or callers for an answer.
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** The given clock, with the system's timers where it has none of its own. */
export function clockOf(clock: Clock | undefined): Required<Clock> {
  if (!clock) return systemClock;
  const { after } = clock;
  return {
    now: () => clock.now(),
    after: after ? (ms, run) => after.call(clock, ms, run) : systemClock.after,
  };
}

const settled = Promise.resolve();

/**
 * Calls `run` when the current tick is over: after the promise jobs that are due, and after those that
 * they cause, so that everything which these add is in the same batch.
 */
export function endOfTick(run: () => void): void {
  settled.then(() => process.nextTick(run));
}
