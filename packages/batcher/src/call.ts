import type { Span } from '@opentelemetry/api';
import { type Clock, endOfTick } from './clock.ts';
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

/**
 * Settles as `call` does, whether it throws, rejects or returns, or with the error of `onTimeout` when
 * that takes too long. What comes later is dropped.
 */
export function callInTime<T>(call: () => T | PromiseLike<T>, limit: TimeLimit): Promise<T> {
  if (limit.timeoutMs === Number.POSITIVE_INFINITY) return promiseOf(call);
  const startedAtMs = limit.clock.now();
  return new Promise((resolve, reject) => {
    let isSettled = false;
    let callOff: (() => void) | undefined;
    const settle = () => {
      isSettled = true;
      callOff?.();
    };
    promiseOf(call).then(
      (value) => {
        settle();
        resolve(value);
      },
      (error) => {
        settle();
        reject(error);
      },
    );
    const expire = () => {
      if (!isSettled) reject(limit.onTimeout());
    };
    // A timer is dear: one is set only for what this tick does not settle.
    endOfTick(() => {
      if (!isSettled) callOff = setAlarm(limit, startedAtMs, expire);
    });
  });
}

function setAlarm({ clock, timeoutMs }: TimeLimit, startedAtMs: number, expire: () => void) {
  const leftMs = startedAtMs + timeoutMs - clock.now();
  // After a blocked event loop the alarm is due before the answer, which may lie in the socket, is
  // read: one more turn of the loop reads it.
  const afterOneTurn = () => void setImmediate(expire);
  if (leftMs > 0) return clock.after(leftMs, afterOneTurn);
  afterOneTurn();
  return undefined;
}

function promiseOf<T>(call: () => T | PromiseLike<T>): Promise<T> {
  try {
    return Promise.resolve(call());
  } catch (error) {
    return Promise.reject(error);
  }
}
