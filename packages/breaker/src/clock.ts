/** Where the time comes from. Tests pass their own; see `@shopgpt/breaker/testing`. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean something. */
  now(): number;
  /** Milliseconds since the epoch, for what another host must understand. Default: `Date.now()`. */
  wall?(): number;
}

export const systemClock: Required<Clock> = {
  now: () => performance.now(),
  wall: () => Date.now(),
};
