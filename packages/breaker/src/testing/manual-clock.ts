import type { Clock } from '../clock.ts';

/** A clock that moves only by hand; its timers run when their time has come. */
export class ManualClock implements Required<Clock> {
  #nowMs = 0;
  readonly #startedAtEpochMs: number;
  readonly #timers = new Set<{ readonly dueMs: number; readonly run: () => void }>();

  constructor(startedAtEpochMs: number) {
    this.#startedAtEpochMs = startedAtEpochMs;
  }

  /** Milliseconds since the clock was created. */
  now(): number {
    return this.#nowMs;
  }

  wall(): number {
    return this.#startedAtEpochMs + this.#nowMs;
  }

  setTimer(run: () => void, delayMs: number): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that have not run yet. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets `ms` pass: each timer runs at its own time, and what waits for it goes on before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#firstDue(untilMs); next; next = this.#firstDue(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  /** Lets `ms` pass with no timer running meanwhile, as for a process that was frozen. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  #firstDue(untilMs: number) {
    const due = [...this.#timers].filter((timer) => timer.dueMs <= untilMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}

/**
 * Creates a clock for tests, to be passed as the `clock` of a breaker or a policy.
 *
 * @param startedAtEpochMs what `wall()` says at first; default 2025-01-01
 */
export function createManualClock(startedAtEpochMs: number = Date.UTC(2025, 0, 1)): ManualClock {
  return new ManualClock(startedAtEpochMs);
}

/** Everything that can go on without time passing has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
