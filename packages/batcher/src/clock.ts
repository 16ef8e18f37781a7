import { AsyncLocalStorage } from 'node:async_hooks';
import { performance } from 'node:perf_hooks';

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

const snapshot = AsyncLocalStorage.snapshot();

/** Runs a function in the async context in which this module was loaded: that of no request. */
export const outsideOfRequests = (run: () => void): void => snapshot(run);

/**
 * Calls `run` when the current tick is over: after the promise jobs that are due, and after those that
 * they cause, so that everything which these add is in the same batch.
 */
export function endOfTick(run: () => void): void {
  settled.then(() => process.nextTick(run));
}

/** Calls `run` when a tick is over in which it was rung, as `endOfTick` does, but outside of all requests. */
export class Bell {
  /** Ringing it again in the same tick does nothing. */
  ring: () => void = () => undefined;
  readonly #run: () => void;

  constructor(run: () => void) {
    this.#run = run;
    outsideOfRequests(() => this.#hang());
  }

  /** A promise job runs in the context in which it was asked for, whoever resolves the promise. */
  #hang(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ring = resolve;
    promise.then(() => {
      this.#hang();
      process.nextTick(this.#run);
    });
  }
}
