import type { Answer, Caller } from './batch.ts';

/** The callers whose items have the same key: one item is sent, and each of them gets its result. */
export class Crowd<Result> implements Answer<Result> {
  readonly callers: Set<Caller<Result>> = new Set();
  #onClose: (() => void) | undefined;

  /** @param onClose called once, when no further caller can join */
  constructor(first: Caller<Result>, onClose: () => void) {
    this.callers.add(first);
    this.#onClose = onClose;
  }

  /** The item has left, or was taken back: the next call with its key is an item of its own. */
  close(): void {
    this.#onClose?.();
    this.#onClose = undefined;
  }

  get calls(): number {
    return this.callers.size;
  }

  /** Returns whether nobody waits for the item any more. */
  lose(caller: Caller<Result>): boolean {
    this.callers.delete(caller);
    if (this.callers.size === 0) this.close();
    return this.callers.size === 0;
  }

  resolve(value: Result | PromiseLike<Result>): void {
    for (const caller of this.callers) caller.resolve(value);
  }

  reject(reason: unknown): void {
    this.close();
    for (const caller of this.callers) caller.reject(reason);
  }
}
