import { backoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { reasonOf } from './failures.ts';
import type { Troubles } from './troubles.ts';

export interface SupervisorParts {
  /** One life of a consumer: ends when it was told to, or with an error. */
  readonly live: () => Promise<void>;
  readonly clock: Clock;
  readonly troubles: Troubles;
  readonly random: () => number;
}

/** A life that was longer than this (ms) was not a failure to start. */
const LONG_LIFE_MS = 60_000;

/** Begins a new life whenever one has ended, after a pause that grows, for ever. */
export class Supervisor {
  /** How many lives ended by themselves. */
  crashes = 0;
  readonly #parts: SupervisorParts;
  #isStopping = false;
  #wake: (() => void) | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#done = this.#loop();
  }

  /** Begins no new life; resolves when the present one, which somebody else ends, is over. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake?.();
    await this.#done;
  }

  /** The present life is well: what was wrong before is over. */
  isWell(): void {
    this.#parts.troubles.clear(this);
  }

  async #loop(): Promise<void> {
    const { clock, troubles, random } = this.#parts;
    let failures = 0;
    while (!this.#isStopping) {
      const begun = clock.now();
      const reason = await this.#reasonOfEnd();
      if (this.#isStopping) break;
      failures = clock.now() - begun > LONG_LIFE_MS ? 1 : failures + 1;
      this.crashes += 1;
      troubles.set(this, `the consumer ended and is started again: ${reason}`);
      await this.#pause(backoffMs(failures, random));
    }
    troubles.clear(this);
  }

  async #reasonOfEnd(): Promise<string> {
    try {
      await this.#parts.live();
      return 'it ended by itself';
    } catch (error) {
      return reasonOf(error);
    }
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const callOff = this.#parts.clock.after(ms, resolve);
    this.#wake = resolve;
    await promise;
    callOff();
    this.#wake = undefined;
  }
}
