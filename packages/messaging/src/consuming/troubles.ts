/** How many reasons `health()` tells at most. */
const MOST_TOLD = 10;

/** What is wrong now, each thing under a key of its own until it is over. */
export class Troubles {
  readonly #reasons = new Map<unknown, string>();

  set(key: unknown, reason: string): void {
    this.#reasons.set(key, reason);
  }

  clear(key: unknown): void {
    this.#reasons.delete(key);
  }

  get count(): number {
    return this.#reasons.size;
  }

  /** Each once, however many suffer from it. */
  reasons(): string[] {
    const reasons = [...new Set(this.#reasons.values())];
    if (reasons.length <= MOST_TOLD) return reasons;
    return [...reasons.slice(0, MOST_TOLD), `and ${reasons.length - MOST_TOLD} more`];
  }
}
