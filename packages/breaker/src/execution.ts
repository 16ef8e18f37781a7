import type { Alarm } from './alarms.ts';
import type { Bulkhead } from './bulkhead.ts';
import type { FullClock } from './clock.ts';
import type { Deadline } from './deadline.ts';
import { abandoned } from './errors.ts';
import { type Fallback, withRootCause } from './fallback.ts';
import type { Guard, Permit } from './guard.ts';
import type { Retry } from './retry.ts';
import type { Timeout } from './timeout.ts';
import { Attempt, type Bounds, type CallOptions, type Work } from './work.ts';

/** The parts of a policy; each is there only if it was given. */
export interface Parts {
  readonly clock: FullClock;
  readonly deadline?: Deadline | undefined;
  readonly fallback?: Fallback | undefined;
  readonly retry?: Retry | undefined;
  readonly breaker?: Guard | undefined;
  readonly bulkhead?: Bulkhead | undefined;
  readonly timeout?: Timeout | undefined;
}

/** How executions ended, and how many. */
export type Totals = Record<'successes' | 'failures' | 'aborts' | 'deadlines', number>;

const never = Number.POSITIVE_INFINITY;

/**
 * One call from its beginning to its end, through
 * deadline( fallback( retry( breaker( bulkhead( timeout( work )))))).
 *
 * Whatever comes first, be it the work, its timeout, the deadline or the caller, decides; what comes
 * later finds nothing left to decide. All steps are synchronous where nobody has to wait, so a call
 * that just succeeds costs little more than its work.
 */
export class Execution implements Bounds {
  readonly deadline: number;
  readonly startedAtMs: number;
  readonly maxAttempts: number;
  attempts = 0;
  /** The pause before the last retry, and what the attempt before it failed with. */
  pauseMs = 0;
  lastError: unknown;
  ending: keyof Totals | undefined;
  /** Whether time has passed since it began. */
  waited = false;
  readonly #parts: Parts;
  readonly #totals: Totals;
  readonly #fn: Work<unknown>;
  readonly #signal: AbortSignal | undefined;
  readonly #result: PromiseWithResolvers<unknown> = Promise.withResolvers();
  /** What is being called and waited for: the work, or the fallback. */
  #current: Attempt | undefined;
  #permit: Permit | undefined;
  #timeoutAlarm: Alarm<Execution> | undefined;
  #cancelDeadline: (() => void) | undefined;
  /** While it waits for a place or for the next attempt: takes it out of there. */
  #stopWaiting: (() => void) | undefined;

  constructor(parts: Parts, totals: Totals, fn: Work<unknown>, options: CallOptions) {
    const { signal, attempts = never, deadline: outer = never } = options;
    const { clock, deadline, timeout } = parts;
    this.#parts = parts;
    this.#totals = totals;
    this.#fn = fn;
    this.#signal = signal;
    this.maxAttempts = attempts;
    this.startedAtMs =
      (deadline && deadline.ms < never) || timeout || outer < never ? clock.now() : 0;
    this.deadline = Math.min(outer, deadline ? this.startedAtMs + deadline.ms : never);
  }

  get onlySignal(): AbortSignal | undefined {
    return this.#parts.timeout || this.deadline < never ? undefined : this.#signal;
  }

  remainingMs(): number {
    return this.deadline < never ? Math.max(0, this.deadline - this.#parts.clock.now()) : never;
  }

  start(): Promise<unknown> {
    if (this.#signal?.aborted) this.handleEvent();
    else this.#signal?.addEventListener('abort', this);
    if (this.deadline < never && !this.ending) {
      this.#cancelDeadline = this.#parts.deadline?.watch(this);
    }
    if (!this.ending) this.#try();
    return this.#result.promise;
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    this.endEarly('aborts', this.#signal?.reason);
  }

  endEarly(ending: 'aborts' | 'deadlines', reason: unknown): void {
    const current = this.#current;
    this.#leaveAttempt();
    this.#permit?.failed(abandoned);
    this.#stopWaiting?.();
    this.#over(ending);
    this.#result.reject(reason);
    current?.abort(reason);
  }

  /** The timeout of the current attempt. */
  endAttempt(error: Error): void {
    const current = this.#current;
    this.#attemptFailed(error);
    current?.abort(error);
  }

  /** Sets what takes the execution out of where it waits. */
  waitsUntil(stopWaiting: (() => void) | undefined): void {
    this.#stopWaiting = stopWaiting;
    this.waited = true;
  }

  #try(): void {
    this.attempts += 1;
    try {
      const permit = this.#parts.breaker?.admit();
      if (permit instanceof Promise) this.#awaitPermit(permit);
      else this.#admitted(permit);
    } catch (error) {
      this.#attemptFailed(error);
    }
  }

  #awaitPermit(permit: Promise<Permit>): void {
    permit.then(
      (granted) => {
        this.waited = true;
        if (this.ending) granted.failed(abandoned);
        else this.#admitted(granted);
      },
      (error) => this.#attemptFailed(error),
    );
  }

  #admitted(permit: Permit | undefined): void {
    this.#permit = permit;
    const { bulkhead } = this.#parts;
    if (!bulkhead || bulkhead.enter()) this.#call();
    else
      bulkhead.queueUp(
        this,
        () => this.#call(),
        (refusal) => this.#attemptFailed(refusal),
      );
  }

  #call(): void {
    const { timeout, bulkhead } = this.#parts;
    this.#stopWaiting = undefined;
    const attempt = new Attempt(this.attempts, this);
    this.#current = attempt;
    this.#timeoutAlarm = timeout?.watch(this);
    this.#run(
      this.#fn,
      attempt,
      (value) => {
        bulkhead?.leave();
        if (this.#current === attempt) this.#attemptSucceeded(value);
      },
      (error) => {
        bulkhead?.leave();
        if (this.#current === attempt) this.#attemptFailed(error);
      },
    );
  }

  #run(
    fn: Work<unknown>,
    attempt: Attempt,
    succeeded: (value: unknown) => void,
    failed: (error: unknown) => void,
  ): void {
    try {
      Promise.resolve(fn(attempt)).then(succeeded, failed);
    } catch (error) {
      // Later, as if it were a rejection: who waits in the bulkhead is called by what ends here.
      Promise.reject(error).catch(failed);
    }
  }

  #leaveAttempt(): void {
    this.#current = undefined;
    if (this.#timeoutAlarm) this.#parts.timeout?.unwatch(this.#timeoutAlarm);
    this.#timeoutAlarm = undefined;
  }

  #attemptSucceeded(value: unknown): void {
    this.#leaveAttempt();
    this.#permit?.succeeded(value);
    this.#parts.retry?.succeeded();
    this.#succeed(value);
  }

  #attemptFailed(error: unknown): void {
    if (this.ending) return;
    this.#leaveAttempt();
    this.#permit?.failed(error);
    this.#permit = undefined;
    const { retry } = this.#parts;
    if (!retry?.mayRetry(error, this)) {
      this.#failed(error);
      return;
    }
    this.lastError = error;
    // The process waits for it: a retry is work that is still to be done.
    const again = () => this.#try();
    this.waitsUntil(this.#parts.clock.setTimer(again, Math.ceil(this.pauseMs), true));
  }

  #failed(error: unknown): void {
    const { fallback } = this.#parts;
    if (!fallback) {
      this.#fail(error);
      return;
    }
    const attempt = new Attempt(this.attempts, this);
    this.#current = attempt;
    this.#run(
      (ctx) => fallback.answer(error, ctx),
      attempt,
      (answer) => this.#succeed(answer),
      (failure) => this.#fail(withRootCause(failure, error)),
    );
  }

  #succeed(value: unknown): void {
    if (this.ending) return;
    this.#over('successes');
    this.#result.resolve(value);
  }

  #fail(error: unknown): void {
    if (this.ending) return;
    this.#over('failures');
    this.#result.reject(error);
  }

  /** Nothing can happen to it any more. */
  #over(ending: keyof Totals): void {
    this.ending = ending;
    this.#totals[ending] += 1;
    this.#cancelDeadline?.();
    this.#signal?.removeEventListener('abort', this);
  }
}
