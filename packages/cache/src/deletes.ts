import { DeleteQueueFullError } from './errors.ts';
import { AWAY, type Guard } from './guard.ts';

/** Deletes that may wait for L2 to come back. */
const MAX_WAITING = 10_000;

/** How often it is tried again, and how many keys go into one operation. */
const RETRY_MS = 250;
const KEYS_PER_DELETE = 500;

/**
 * Deletes that L2 has not confirmed. Until it has, L2 may hold what should be gone, so these keys
 * must be neither read from it nor filled.
 */
export class Deletes {
  readonly #waiting = new Map<string, object>();
  readonly #guard: Guard;
  readonly #forget: (keys: readonly string[]) => Promise<unknown>;
  readonly #onLate: (keys: readonly string[]) => void;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /**
   * @param forget deletes keys in L2 and tells the other processes
   * @param onLate called when L2 has confirmed what waited
   */
  constructor(
    guard: Guard,
    forget: (keys: readonly string[]) => Promise<unknown>,
    onLate: (keys: readonly string[]) => void = () => undefined,
  ) {
    this.#guard = guard;
    this.#forget = forget;
    this.#onLate = onLate;
  }

  get size(): number {
    return this.#waiting.size;
  }

  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  /** Resolves true when L2 has confirmed, false when the delete waits. */
  async delete(key: string): Promise<boolean> {
    this.#enqueue(key);
    const confirmed = await this.#send([key]);
    if (!confirmed) this.#retryLater();
    return confirmed;
  }

  /** Tries everything that waits once more. */
  async replay(): Promise<void> {
    const keys = [...this.#waiting.keys()];
    for (let i = 0; i < keys.length; i += KEYS_PER_DELETE) {
      if (this.#guard.isAway()) return;
      const some = keys.slice(i, i + KEYS_PER_DELETE);
      if (await this.#send(some)) this.#onLate(some);
    }
  }

  /** Nothing is tried again by itself. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #enqueue(key: string): void {
    if (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(key)) {
      throw new DeleteQueueFullError(key, MAX_WAITING);
    }
    this.#waiting.set(key, {});
  }

  async #send(keys: readonly string[]): Promise<boolean> {
    const sent = keys.map((key) => [key, this.#waiting.get(key)] as const);
    if ((await this.#guard.run('write', () => this.#forget(keys))) === AWAY) return false;
    // A key that was deleted again meanwhile waits for the later delete.
    for (const [key, mark] of sent) if (this.#waiting.get(key) === mark) this.#waiting.delete(key);
    return true;
  }

  #retryLater(): void {
    if (this.#isStopped) return;
    this.#timer ??= setTimeout(async () => {
      await this.replay();
      this.#timer = undefined;
      if (this.#waiting.size > 0) this.#retryLater();
    }, RETRY_MS).unref();
  }
}
