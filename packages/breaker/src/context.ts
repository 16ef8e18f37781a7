/** What a protected function is told about its call. */
export interface CallContext {
  /** Aborted when the result is no longer wanted: hand it on to what you call. */
  readonly signal: AbortSignal;
}

/** Makes its signal only for who asks: most calls never do. */
export class Call implements CallContext {
  #signal: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  get signal(): AbortSignal {
    this.#signal ??= new AbortController().signal;
    return this.#signal;
  }
}
