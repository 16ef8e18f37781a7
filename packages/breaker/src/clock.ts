/** Where the time comes from. Tests pass their own; see `@shopgpt/breaker/testing`. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean something. */
  now(): number;
  /** Milliseconds since the epoch, for what another host must understand. Default: `Date.now()`. */
  wall?(): number;
  /**
   * Calls `run` once after `delayMs`, and answers a function that takes it back.
   * `holdsProcess` says whether a process with nothing else to do waits for it. Default: `setTimeout`.
   */
  setTimer?(run: () => void, delayMs: number, holdsProcess: boolean): () => void;
}

export type FullClock = Required<Clock>;

/** The longest delay that `setTimeout` knows; with a longer one it would call at once. */
const maxDelayMs = 2 ** 31 - 1;

export const systemClock: FullClock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer: (run, delayMs, holdsProcess) => {
    let cancelRest: (() => void) | undefined;
    const goOn = () => {
      cancelRest = systemClock.setTimer(run, delayMs - maxDelayMs, holdsProcess);
    };
    const timer = setTimeout(delayMs > maxDelayMs ? goOn : run, Math.min(delayMs, maxDelayMs));
    if (!holdsProcess) timer.unref();
    return () => {
      clearTimeout(timer);
      cancelRest?.();
    };
  },
};

/** What the given clock lacks is the system's. */
export function fullClock(clock: Clock): FullClock {
  if (clock === systemClock) return systemClock;
  return {
    now: () => clock.now(),
    wall: () => (clock.wall ? clock.wall() : systemClock.wall()),
    setTimer: (...args) => (clock.setTimer ?? systemClock.setTimer).apply(clock, args),
  };
}
