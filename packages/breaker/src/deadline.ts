import { Alarms } from './alarms.ts';
import { duration } from './check.ts';
import type { FullClock } from './clock.ts';
import { DeadlineError, withoutStack } from './errors.ts';
import { type CallOptions, Execution } from './execution.ts';

const never = Number.POSITIVE_INFINITY;

/** Bounds the whole of a policy: what is not done in time ends with a `DeadlineError`. */
export class Deadline {
  readonly #name: string;
  readonly #clock: FullClock;
  readonly #deadlineMs: number;
  readonly #alarms: Alarms | undefined;

  constructor(deadlineMs: number | undefined, name: string, clock: FullClock) {
    this.#name = name;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs ?? never;
    if (deadlineMs === undefined) return;
    duration('deadlineMs', deadlineMs, 1);
    this.#alarms = new Alarms(clock, deadlineMs);
  }

  /** @param timed whether a timeout may end the attempts of this execution */
  begin(options: CallOptions, timed: boolean): Execution {
    const { deadline: outer = never } = options;
    if (outer === never && !this.#alarms) return new Execution(this.#clock, timed, never, options);
    const nowMs = this.#clock.now();
    const own = nowMs + this.#deadlineMs;
    const execution = new Execution(this.#clock, true, Math.min(own, outer), options);
    const expire = () => execution.end('deadlines', this.#error(execution.lastError));
    if (outer <= nowMs) expire();
    else if (outer < own) execution.atClose(this.#clock.setTimer(expire, outer - nowMs, false));
    else if (this.#alarms) execution.atClose(this.#alarms.set(expire));
    return execution;
  }

  #error(cause: unknown): Error {
    const options = cause === undefined ? undefined : { cause };
    return withoutStack(() => new DeadlineError(this.#name, options));
  }
}
