/**
 * opossum has one controller for all calls of a circuit. Here each call that is handed its signal,
 * or asks for it, gets one of its own that follows it, so that the timeout of one call does not
 * abort the others. An action that takes the signal from elsewhere can only be reached by aborting
 * the controller, as opossum does.
 */
export class CallSignal {
  readonly #shared: AbortController | undefined;
  #own: AbortController | undefined;
  #signal: AbortSignal | undefined;

  constructor(shared: AbortController | undefined) {
    this.#shared = shared;
  }

  get signal(): AbortSignal {
    if (this.#signal) return this.#signal;
    this.#own = new AbortController();
    const { signal } = this.#own;
    this.#signal = this.#shared ? AbortSignal.any([this.#shared.signal, signal]) : signal;
    return this.#signal;
  }

  /** The arguments, with the call's own signal in the place of the shared one. */
  handedTo<TI extends unknown[]>(args: TI): TI {
    const shared = this.#shared?.signal;
    if (!shared || !args.includes(shared)) return args;
    return args.map((arg) => (arg === shared ? this.signal : arg)) as TI;
  }

  abort(): void {
    (this.#own ?? this.#shared)?.abort();
  }
}
