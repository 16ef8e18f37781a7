import { AWAY, type Guard } from './guard.ts';
import type { Tier } from './tier.ts';

type Answer = Uint8Array | undefined | typeof AWAY;

/** About so many bytes are asked for in one operation, and so many keys at most. */
const TARGET_BYTES = 1_000_000;
const MAX_KEYS = 512;

/**
 * Asks L2 once per turn of the event loop for everything that was missed in that turn: one MGET of
 * 50 keys costs both sides much less than 50 GETs.
 */
export class BatchReader {
  readonly #tier: Tier;
  readonly #guard: Guard;
  #keys: string[] = [];
  #answers: ((answer: Answer) => void)[] = [];
  /** A moving average, to keep one answer from becoming so large that it delays all others. */
  #bytesPerKey = 1000;

  constructor(tier: Tier, guard: Guard) {
    this.#tier = tier;
    this.#guard = guard;
  }

  /** Never rejects. */
  read(key: string): Promise<Answer> {
    return new Promise((resolve) => {
      if (this.#keys.length === 0) setImmediate(() => this.#flush());
      this.#keys.push(key);
      this.#answers.push(resolve);
    });
  }

  #flush(): void {
    const keys = this.#keys;
    const answers = this.#answers;
    this.#keys = [];
    this.#answers = [];
    const step = Math.min(MAX_KEYS, Math.max(1, Math.floor(TARGET_BYTES / this.#bytesPerKey)));
    for (let i = 0; i < keys.length; i += step) {
      void this.#ask(keys.slice(i, i + step), answers.slice(i, i + step));
    }
  }

  async #ask(keys: string[], answers: ((answer: Answer) => void)[]): Promise<void> {
    const found = await this.#guard.run('read', () => this.#read(keys));
    if (found !== AWAY) this.#learnSize(found);
    for (const [i, answer] of answers.entries()) answer(found === AWAY ? AWAY : found[i]);
  }

  /** Without an answer for each key, some would wait for one for ever. */
  async #read(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const found = await this.#tier.read(keys);
    if (found?.length === keys.length) return found;
    throw new TypeError(`read of the ${this.#tier.name} tier gave no answer for some of the keys`);
  }

  #learnSize(found: readonly (Uint8Array | undefined)[]): void {
    let bytes = 0;
    for (const value of found) bytes += value?.length ?? 0;
    this.#bytesPerKey += (bytes / found.length - this.#bytesPerKey) / 8;
  }
}
