import { type Alarm, Alarms } from './alarms.ts';
import { duration } from './check.ts';
import type { FullClock } from './clock.ts';
import { CallTimeoutError, withoutStack } from './errors.ts';
import type { Execution } from './execution.ts';

/** Ends an attempt that takes too long, and aborts its signal; the work itself may go on. */
export class Timeout {
  timeouts = 0;
  readonly #name: string;
  readonly #timeoutMs: number;
  readonly #clock: FullClock;
  readonly #alarms: Alarms<Execution>;

  constructor(timeoutMs: number, name: string, clock: FullClock) {
    duration('timeoutMs', timeoutMs, 1);
    this.#name = name;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#alarms = new Alarms(clock, timeoutMs, (execution) => this.#expire(execution));
  }

  /** Watches the attempt that begins now. */
  watch(execution: Execution): Alarm<Execution> {
    const { waited, startedAtMs } = execution;
    return this.#alarms.set(execution, waited ? this.#clock.now() : startedAtMs);
  }

  unwatch(alarm: Alarm<Execution>): void {
    this.#alarms.cancel(alarm);
  }

  #expire(execution: Execution): void {
    this.timeouts += 1;
    execution.endAttempt(withoutStack(() => new CallTimeoutError(this.#name, this.#timeoutMs)));
  }
}
