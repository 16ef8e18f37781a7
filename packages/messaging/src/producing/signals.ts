/** What ends when a signal aborts. */
export interface Abortable {
  abort(reason: unknown): void;
}

/** Who waits on a signal, by signal. */
const watches = new WeakMap<AbortSignal, Watch>();

/**
 * One listener for all that wait on a signal: adding a listener takes time in proportion to those that
 * are there, and a long-lived signal can have a hundred thousand messages waiting on it.
 */
class Watch {
  readonly #signal: AbortSignal;
  readonly #waiting = new Set<Abortable>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(one: Abortable): void {
    if (this.#waiting.size === 0) this.#signal.addEventListener('abort', this.#onAbort);
    this.#waiting.add(one);
  }

  delete(one: Abortable): void {
    this.#waiting.delete(one);
    if (this.#waiting.size === 0) this.#signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    for (const one of this.#waiting) one.abort(this.#signal.reason);
  };
}

/** Calls `abort` when the signal aborts, unless `unwatch` comes first. */
export function watch(signal: AbortSignal, one: Abortable): void {
  let watch = watches.get(signal);
  if (!watch) {
    watch = new Watch(signal);
    watches.set(signal, watch);
  }
  watch.add(one);
}

export function unwatch(signal: AbortSignal, one: Abortable): void {
  watches.get(signal)?.delete(one);
}

/** As the work, but rejects as soon as the signal aborts; what becomes of the work then is nobody's. */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (!signal) return work;
  const aborted = Promise.withResolvers<never>();
  const one: Abortable = { abort: aborted.reject };
  if (signal.aborted) one.abort(signal.reason);
  watch(signal, one);
  try {
    return await Promise.race([aborted.promise, work]);
  } finally {
    unwatch(signal, one);
  }
}
