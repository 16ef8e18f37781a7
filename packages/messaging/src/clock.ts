/** Where the time comes from. Tests pass their own; see `@shopgpt/messaging/testing`. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean something. */
  now(): number;
  /** Milliseconds since 1970: the time that hosts agree on, written into messages. */
  wall(): number;
  /** Calls `run` once, `ms` milliseconds from now; returns a function that calls it off. */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Waits for the work to settle, whichever way, but no longer than that. */
export async function settledWithin(
  clock: Clock,
  ms: number,
  work: Promise<unknown>,
): Promise<void> {
  const late = Promise.withResolvers<void>();
  const callOff = clock.after(ms, late.resolve);
  work.then(
    () => late.resolve(),
    () => late.resolve(),
  );
  await late.promise;
  callOff();
}
