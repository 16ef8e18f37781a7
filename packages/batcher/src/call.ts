import type { Span } from '@opentelemetry/api';
import { Alarm } from './alarm.ts';
import type { Clock } from './clock.ts';
import type { BatchContext } from './options.ts';
import { within } from './tracing.ts';

/** The context of one batch. Its signal is made when it is asked for: most functions never do. */
export class CallContext implements BatchContext {
  #controller: AbortController | undefined;
  #end: { readonly reason: unknown } | undefined;
  readonly #span: Span | undefined;

  constructor(span: Span | undefined) {
    this.#span = span;
  }

  /** Makes a call as what happens within the batch's span. */
  run<T>(call: () => T): T {
    return this.#span ? within(this.#span, call) : call();
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#end) this.#controller.abort(this.#end.reason);
    }
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#end !== undefined;
  }

  abort(reason: unknown): void {
    this.#end ??= { reason };
    this.#controller?.abort(reason);
  }
}

export interface TimeLimit {
  readonly timeoutMs: number;
  readonly clock: Required<Clock>;
  readonly onTimeout: () => Error;
}

export interface Outcome<T> {
  readonly onValue: (value: T) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Makes a call that may throw, reject or return; later calls back once, with what came of it or, when
 * that takes too long, with the error of `onTimeout`. What comes after that is dropped.
 */
export function callInTime<T>(
  call: () => T | PromiseLike<T>,
  limit: TimeLimit,
  { onValue, onError }: Outcome<T>,
): void {
  const { clock, timeoutMs, onTimeout } = limit;
  const alarm = new Alarm(clock, timeoutMs, () => settle(() => onError(onTimeout())));
  let isSettled = false;
  const settle = (answer: () => void) => {
    if (isSettled) return;
    isSettled = true;
    alarm.callOff();
    answer();
  };
  promiseOf(call).then(
    (value) => settle(() => onValue(value)),
    (error) => settle(() => onError(error)),
  );
}

function promiseOf<T>(call: () => T | PromiseLike<T>): Promise<T> {
  try {
    return Promise.resolve(call());
  } catch (error) {
    return Promise.reject(error);
  }
}
