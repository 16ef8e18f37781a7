import type { Generation } from './tags.ts';

/**
 * One piece of work that any number of callers wait for: they share its value and its error.
 * A caller's signal detaches that caller; when the last one has left, the work is told to stop.
 */
export class Flight<T> {
  readonly result: Promise<T>;
  /** The epoch of L1 when it began. */
  readonly epoch: number;
  /** Something newer was said about the key meanwhile: callers get the value, nobody keeps it. */
  isFenced = false;
  /** Whether what is stored already does not do for those who wait. */
  isAnew = false;
  /** The number of its call of the loader; infinite before that. */
  began: number = Number.POSITIVE_INFINITY;
  /** The right to load, while this has it. */
  lease: { release(): void } | undefined;
  /** What L2 holds for the key may have changed since: who keeps the value asks L2 before he serves it. */
  isTouched = false;
  /** Of what is loaded; once one is over, nobody joins any more. */
  tags: readonly Generation[] = [];
  #controller: AbortController | undefined;
  readonly #onEmpty: () => void;
  #waiting = 0;

  /**
   * @param work must not call the user's code before its first `await`: it may ask for the same key
   * @param onEmpty called when the last caller has left: the flight must not be joined any more
   */
  constructor(
    epoch: number,
    work: (flight: Flight<T>) => Promise<T>,
    onEmpty: (flight: Flight<T>) => void,
  ) {
    this.epoch = epoch;
    this.#onEmpty = () => onEmpty(this);
    this.result = work(this);
    // All callers may have left before it fails.
    this.result.catch(() => undefined);
  }

  /** Aborted when nobody waits any more, or by `stop`. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  stop(reason: unknown): void {
    this.isFenced = true;
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }

  join(signal: AbortSignal | undefined): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#waiting += 1;
    // Who brings no signal stays until the end.
    return signal ? this.#joinUntil(signal) : this.result;
  }

  async #joinUntil(signal: AbortSignal): Promise<T> {
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([this.result, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      this.#waiting -= 1;
      if (signal.aborted && this.#waiting === 0) this.#leaveEmpty(signal.reason);
    }
  }

  #leaveEmpty(reason: unknown): void {
    this.stop(reason);
    this.#onEmpty();
  }
}
