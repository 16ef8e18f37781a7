import type { Span } from '@opentelemetry/api';
import type { BatchContext } from './options.ts';

/** The context of one batch. Its signal is made when it is asked for: most functions never do. */
export class CallContext implements BatchContext {
  #controller: AbortController | undefined;
  #end: { readonly reason: unknown } | undefined;
  /** The answer of the call of `process` that is under way. */
  awaited: Awaited | undefined = undefined;
  /** The span of the batch. */
  readonly span: Span | undefined;

  constructor(span: Span | undefined) {
    this.span = span;
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

  /** Aborts, and ends the call of `process` that is under way, whatever that still does. */
  giveUp(error: Error): void {
    this.abort(error);
    this.awaited?.fail(error);
  }

  abort(reason: unknown): void {
    this.#end ??= { reason };
    this.#controller?.abort(reason);
  }
}

/** An answer of `process` that somebody waits for. */
export class Awaited {
  isOver = false;
  /** Rings when it takes too long. */
  alarm: { callOff(): void } | undefined = undefined;
  readonly #reject: (error: unknown) => void;

  constructor(reject: (error: unknown) => void) {
    this.#reject = reject;
  }

  end(): void {
    this.isOver = true;
    this.alarm?.callOff();
  }

  fail(error: unknown): void {
    this.end();
    this.#reject(error);
  }
}
