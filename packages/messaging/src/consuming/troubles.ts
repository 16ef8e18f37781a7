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

  reasons(): string[] {
    const told: string[] = [];
    for (const reason of this.#reasons.values()) {
      if (told.length === MOST_TOLD) return [...told, `and ${this.#reasons.size - MOST_TOLD} more`];
      told.push(reason);
    }
    return told;
  }
}
