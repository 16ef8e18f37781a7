import type { FullClock } from './clock.ts';
import { abandoned } from './errors.ts';

/** What a protected function is told about its call. Hand it on whole: it fits `CallOptions`. */
export interface CallContext {
  /** Aborted when the result is no longer wanted: hand it on to what you call. */
  readonly signal: AbortSignal;
  /** When the whole has to be done, in ms of the policy's clock; `Infinity` without a deadline. */
  readonly deadline: number;
  /** Which attempt this is, from 1 on. */
  readonly attempt: number;
  /** How many ms are left until the deadline, at least 0; `Infinity` without one. */
  remainingMs(): number;
}

/** What a caller can say about one call. */
export interface CallOptions {
  /** Aborting rejects the call with the signal's reason; breakers count it as excluded. */
  readonly signal?: AbortSignal | undefined;
  /** An outer deadline, in ms of the same clock, e.g. `ctx.deadline`; the earlier one counts. */
  readonly deadline?: number | undefined;
  /** Bounds the calls that a retry makes, e.g. 1 for what must not be done twice. */
  readonly attempts?: number | undefined;
}

/** What is protected. */
export type Work<T> = (ctx: CallContext) => T;

/**
 * The context of a call that nothing can end early. All of them share it, so that it costs nothing;
 * and each who asks for the signal gets his own, so that what he leaves on it does not add up.
 */
export const unlimited: CallContext = {
  get signal(): AbortSignal {
    return new AbortController().signal;
  },
  deadline: Number.POSITIVE_INFINITY,
  attempt: 1,
  remainingMs: () => Number.POSITIVE_INFINITY,
};

/** Makes its signal only for who asks: most calls never do, and a signal costs more than a call. */
export class Attempt implements CallContext {
  readonly attempt: number;
  readonly #execution: Execution | undefined;
  #controller: AbortController | undefined;
  #aborted = false;
  #reason: unknown;

  constructor(attempt: number, execution: Execution | undefined) {
    this.attempt = attempt;
    this.#execution = execution;
  }

  get signal(): AbortSignal {
    const given = this.#execution?.onlySignal;
    if (given) return given;
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get deadline(): number {
    return this.#execution?.deadline ?? Number.POSITIVE_INFINITY;
  }

  remainingMs(): number {
    return this.#execution?.remainingMs() ?? Number.POSITIVE_INFINITY;
  }

  abort(reason: unknown): void {
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

/**
 * One call from its beginning to its end: what may end it early (the caller, the deadline, the
 * timeout of an attempt), and the one thing it is waiting for at the moment.
 */
export class Execution {
  readonly deadline: number;
  /** Why it ended early: what waits inside is rejected with `abandoned`, the caller with the reason. */
  ended: { readonly by: 'aborts' | 'deadlines'; readonly reason: unknown } | undefined;
  attempts = 0;
  readonly maxAttempts: number;
  /** The work of the latest attempt for as long as it runs, which may be longer than it is waited for; never rejects. */
  running: PromiseLike<unknown> | undefined;
  /** What the last attempt that was retried failed with. */
  lastError: unknown;
  readonly #clock: FullClock;
  readonly #signal: AbortSignal | undefined;
  readonly #timed: boolean;
  #attempt: Attempt | undefined;
  #release: (() => void) | undefined;
  #stopWaiting: ((error: unknown) => void) | undefined;

  /** @param timed whether something else than the caller's signal may end it or an attempt */
  constructor(clock: FullClock, timed: boolean, deadline: number, options: CallOptions) {
    const { signal, attempts = Number.POSITIVE_INFINITY } = options;
    this.#clock = clock;
    this.#timed = timed;
    this.deadline = deadline;
    this.maxAttempts = attempts;
    this.#signal = signal;
    if (signal?.aborted) this.handleEvent();
    else signal?.addEventListener('abort', this);
  }

  /** The caller's signal, if nothing but it can abort an attempt. */
  get onlySignal(): AbortSignal | undefined {
    return this.#timed ? undefined : this.#signal;
  }

  remainingMs(): number {
    return Math.max(0, this.deadline - this.#clock.now());
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    this.end('aborts', this.#signal?.reason);
  }

  /** Ends the whole early. */
  end(by: 'aborts' | 'deadlines', reason: unknown): void {
    if (this.ended) return;
    this.ended = { by, reason };
    // First the waiting, so that how the work answers to its signal does not matter any more.
    this.#stopWaiting?.(abandoned);
    this.#attempt?.abort(reason);
  }

  /** Ends the current attempt early. */
  endAttempt(error: Error): void {
    this.#stopWaiting?.(error);
    this.#attempt?.abort(error);
  }

  /** Has `release` called when the execution is over. */
  atClose(release: () => void): void {
    this.#release = release;
  }

  /** Nothing can end it any more. */
  close(): void {
    this.#release?.();
    this.#signal?.removeEventListener('abort', this);
    this.#stopWaiting = undefined;
  }

  /** Waits for what `start` settles, or until it is ended. */
  wait<T>(
    start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#stopWaiting = reject;
    if (this.ended) reject(abandoned);
    else start(resolve, reject);
    return promise;
  }

  /** Calls `fn`, and waits for it no longer than allowed. */
  async call<T>(fn: Work<T>): Promise<Awaited<T>> {
    this.running = undefined;
    if (this.ended) throw abandoned;
    const attempt = new Attempt(this.attempts, this);
    this.#attempt = attempt;
    const result = fn(attempt);
    if (!isPromiseLike(result)) return await result;
    if (!this.#timed && !this.#signal) return await result;
    return await this.#race(result);
  }

  #race<T>(work: PromiseLike<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const settled = () => {
      if (this.running === running) this.running = undefined;
    };
    const running = work.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error) => {
        settled();
        reject(error);
      },
    );
    this.running = running;
    this.#stopWaiting = reject;
    if (this.ended) reject(abandoned);
    return promise;
  }
}

function isPromiseLike<T>(value: T): value is T & PromiseLike<Awaited<T>> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
