/** The functions to call when a signal aborts, by signal. */
const watches = new WeakMap<AbortSignal, Watch>();

/**
 * One listener for all that wait on a signal: adding a listener takes time in proportion to those that
 * are there, and a long-lived signal can have a hundred thousand calls waiting on it.
 */
class Watch {
  readonly #signal: AbortSignal;
  readonly #callbacks = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(callback: () => void): void {
    if (this.#callbacks.size === 0) this.#signal.addEventListener('abort', this.#onAbort);
    this.#callbacks.add(callback);
  }

  delete(callback: () => void): void {
    this.#callbacks.delete(callback);
    if (this.#callbacks.size === 0) this.#signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    for (const callback of this.#callbacks) callback();
  };
}

/** Calls back when the signal aborts, until the returned function is called. */
export function watch(signal: AbortSignal, callback: () => void): () => void {
  let watch = watches.get(signal);
  if (!watch) {
    watch = new Watch(signal);
    watches.set(signal, watch);
  }
  watch.add(callback);
  return () => watch.delete(callback);
}
