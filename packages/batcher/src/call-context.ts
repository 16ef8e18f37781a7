import type { Span } from '@opentelemetry/api';
import type { BatchContext } from './options.ts';

/** The context of one batch. Its signal is made when it is asked for: most functions never do. */
export class CallContext implements BatchContext {
  #controller: AbortController | undefined;
  #end: { readonly reason: unknown } | undefined;
  /** Aborts, and ends the call of `process` that is under way, whatever that still does. */
  giveUp: (error: Error) => void = (error) => this.abort(error);
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

  abort(reason: unknown): void {
    this.#end ??= { reason };
    this.#controller?.abort(reason);
  }
}
