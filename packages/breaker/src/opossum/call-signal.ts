/**
 * opossum has one controller for all calls of a circuit. Here each call that asks gets a signal of
 * its own that follows the shared one, so that the timeout of one call does not abort the others.
 */
export class CallSignal {
  readonly signal: AbortSignal;
  readonly #own = new AbortController();

  constructor(shared: AbortController | undefined) {
    const { signal } = this.#own;
    this.signal = shared ? AbortSignal.any([shared.signal, signal]) : signal;
  }

  abort(): void {
    this.#own.abort();
  }
}
