import { Alarms } from './alarms.ts';
import { duration } from './check.ts';
import type { FullClock } from './clock.ts';
import { CallTimeoutError, withoutStack } from './errors.ts';
import type { PolicyPart, Run } from './policy-part.ts';

/** Ends an attempt that takes too long, and aborts its signal; the work itself may go on. */
export class Timeout implements PolicyPart {
  timeouts = 0;
  readonly #name: string;
  readonly #timeoutMs: number;
  readonly #alarms: Alarms;

  constructor(timeoutMs: number, name: string, clock: FullClock) {
    duration('timeoutMs', timeoutMs, 1);
    this.#name = name;
    this.#timeoutMs = timeoutMs;
    this.#alarms = new Alarms(clock, timeoutMs);
  }

  around(next: Run): Run {
    return async (fn, execution) => {
      const cancel = this.#alarms.set(() => {
        this.timeouts += 1;
        execution.endAttempt(this.#error());
      });
      try {
        return await next(fn, execution);
      } finally {
        cancel();
      }
    };
  }

  #error(): Error {
    return withoutStack(() => new CallTimeoutError(this.#name, this.#timeoutMs));
  }
}
