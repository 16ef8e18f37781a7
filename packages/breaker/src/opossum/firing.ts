import type { Alarm, Alarms } from '../alarms.ts';
import { abandoned, isRefusal } from '../errors.ts';
import type { Hooks } from '../events.ts';
import type { Permit } from '../guard.ts';
import { CallSignal } from './call-signal.ts';
import type { Journal } from './journal.ts';
import type { Memory } from './memory.ts';
import { ourError } from './opossum-error.ts';
import type { FilledOptions } from './real-circuit.ts';
import type { StillClock } from './still-clock.ts';

/** What all firings of one circuit have in common. */
export interface Range<TI extends unknown[], TR> {
  readonly options: FilledOptions<TI>;
  readonly semaphore: { test(): boolean; release(): void };
  readonly clock: StillClock;
  readonly timeouts: Alarms<Firing<TI, TR>> | undefined;
  readonly journal: Journal;
  readonly hooks: Hooks;
  readonly memory: Memory<TI, TR> | undefined;
  /** Calls the action; a throw is a rejection. */
  run(firing: Firing<TI, TR>, context: unknown, args: TI): Promise<TR>;
  /** What the fallback answers, or the error again. */
  answerFor(error: unknown, args: TI): Promise<TR>;
}

/** One call that the breaker has let through. */
export class Firing<TI extends unknown[], TR> {
  readonly #range: Range<TI, TR>;
  readonly #permit: Permit;
  readonly #args: TI;
  readonly #key: string;
  #resolve: ((value: TR) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  readonly #startedAtMs: number;
  #signal: CallSignal | undefined;
  #waiting = true;
  #alarm: Alarm<Firing<TI, TR>> | undefined;

  constructor(range: Range<TI, TR>, permit: Permit, args: TI, key: string) {
    this.#range = range;
    this.#permit = permit;
    this.#args = args;
    this.#key = key;
    this.#startedAtMs = range.clock.now();
  }

  start(context: unknown): Promise<TR> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#begin(context);
    });
  }

  #begin(context: unknown): void {
    const range = this.#range;
    const limited = range.options.capacity < Number.MAX_SAFE_INTEGER;
    if (limited && !range.semaphore.test()) {
      this.#locked();
      return;
    }
    this.#alarm = range.timeouts?.set(this, this.#startedAtMs);
    range.clock.go();
    range.run(this, context, this.#args).then(
      (value) => {
        if (limited) range.semaphore.release();
        if (this.#waiting) this.#succeeded(value);
      },
      (error) => {
        if (limited) range.semaphore.release();
        if (this.#waiting) this.#failed(error, 'error');
      },
    );
  }

  /** The call's own signal, made for who asks. */
  get signal(): AbortSignal {
    this.#signal ??= new CallSignal(this.#range.options.abortController);
    return this.#signal.signal;
  }

  /** The timeout. The work may go on, and keeps its capacity until it settles. */
  timedOut(): void {
    const { clock, journal, options } = this.#range;
    const error = ourError(`Timed out after ${options.timeout}ms`, 'ETIMEDOUT');
    const tookMs = clock.now() - this.#startedAtMs;
    journal.count('timeouts', clock.now(), tookMs);
    journal.tell('timeout', error, tookMs, this.#args);
    this.#failed(error, 'timeout');
    // Who did not ask for the call's own signal can only be reached by the one that all share.
    if (this.#signal) this.#signal.abort();
    else this.#range.options.abortController?.abort();
  }

  #succeeded(value: TR): void {
    const { clock, journal, memory } = this.#range;
    this.#leave();
    const tookMs = clock.still() - this.#startedAtMs;
    journal.count('successes', clock.now(), tookMs);
    journal.tell('success', value, tookMs);
    memory?.ended(this.#key, 'success', value);
    this.#permit.succeeded(value);
    clock.go();
    this.#resolve?.(value);
  }

  #failed(error: unknown, how: 'error' | 'timeout'): void {
    const { clock, journal, memory, hooks, options } = this.#range;
    this.#leave();
    memory?.ended(this.#key, how);
    if (isRefusal(error)) {
      this.#permit.failed(error);
      this.#answer(error);
      return;
    }
    const nowMs = clock.now();
    const tookMs = nowMs - this.#startedAtMs;
    const isFine = () => options.errorFilter(error, ...this.#args);
    if (hooks.decide('errorFilter', false, isFine)) {
      journal.count('successes', nowMs, tookMs);
      journal.tell('success', error, tookMs);
      this.#permit.succeeded(error);
      this.#reject?.(error);
    } else {
      journal.count('failures', nowMs, tookMs);
      journal.tell('failure', error, tookMs, this.#args);
      this.#permit.failed(error);
      this.#answer(error);
    }
  }

  /** Never a failure of the dependency: the call did not reach it. */
  #locked(): void {
    const { clock, journal, memory } = this.#range;
    const error = ourError('Semaphore locked', 'ESEMLOCKED');
    journal.count('semaphoreRejections', clock.now());
    journal.tell('semaphoreLocked', error, 0);
    memory?.forget(this.#key);
    this.#permit.failed(abandoned);
    this.#answer(error);
  }

  #leave(): void {
    this.#waiting = false;
    if (this.#alarm) this.#range.timeouts?.cancel(this.#alarm);
  }

  #answer(error: unknown): void {
    this.#range.answerFor(error, this.#args).then(this.#resolve, this.#reject);
  }
}
