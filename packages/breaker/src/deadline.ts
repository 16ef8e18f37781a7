import { Alarms } from './alarms.ts';
import { duration } from './check.ts';
import type { FullClock } from './clock.ts';
import { DeadlineError, withoutStack } from './errors.ts';
import type { Execution } from './execution.ts';

/** Bounds the whole of a policy: what is not done in time ends with a `DeadlineError`. */
export class Deadline {
  /** How long an execution may take; `Infinity`: as long as an outer deadline lets it. */
  readonly ms: number;
  readonly #name: string;
  readonly #clock: FullClock;
  readonly #alarms: Alarms<Execution>;

  constructor(deadlineMs: number | undefined, name: string, clock: FullClock) {
    if (deadlineMs !== undefined) duration('deadlineMs', deadlineMs, 1);
    this.ms = deadlineMs ?? Number.POSITIVE_INFINITY;
    this.#name = name;
    this.#clock = clock;
    this.#alarms = new Alarms(clock, this.ms, (execution) => this.#expire(execution));
  }

  /** @returns a function that ends the watch */
  watch(execution: Execution): (() => void) | undefined {
    const { deadline, startedAtMs } = execution;
    if (deadline === startedAtMs + this.ms) {
      const alarm = this.#alarms.set(execution, startedAtMs);
      return () => this.#alarms.cancel(alarm);
    }
    const expire = () => this.#expire(execution);
    if (deadline > startedAtMs) return this.#clock.setTimer(expire, deadline - startedAtMs, false);
    expire();
    return undefined;
  }

  #expire(execution: Execution): void {
    const { lastError } = execution;
    const options = lastError === undefined ? undefined : { cause: lastError };
    const error = withoutStack(() => new DeadlineError(this.#name, options));
    execution.endEarly('deadlines', error);
  }
}
