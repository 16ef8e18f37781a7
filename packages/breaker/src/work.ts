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
  /**
   * An outer deadline, in ms of the same clock, e.g. `ctx.deadline`; the earlier one counts. A policy
   * keeps it; a breaker alone tells it to the work, and leaves it to `signal` to end that.
   */
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

/** What bounds an attempt from outside. */
export interface Bounds {
  readonly deadline: number;
  /** The caller's signal, if nothing but it can abort an attempt. */
  readonly onlySignal: AbortSignal | undefined;
  remainingMs(): number;
}

/** Makes its signal only for who asks: most calls never do, and a signal costs more than a call. */
export class Attempt implements CallContext {
  readonly attempt: number;
  readonly #bounds: Bounds;
  #controller: AbortController | undefined;
  #aborted = false;
  #reason: unknown;

  constructor(attempt: number, bounds: Bounds) {
    this.attempt = attempt;
    this.#bounds = bounds;
  }

  get signal(): AbortSignal {
    const given = this.#bounds.onlySignal;
    if (given) return given;
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get deadline(): number {
    return this.#bounds.deadline;
  }

  remainingMs(): number {
    return this.#bounds.remainingMs();
  }

  abort(reason: unknown): void {
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
