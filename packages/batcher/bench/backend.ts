import type { Sink } from '@shopgpt/peers/batcher';
import { sleep } from './measure.ts';

/** Four connections: a batch takes one for `baseMs` and 2 us per key, or waits for one. */
export class Backend {
  readonly #baseMs: number;
  #free = 4;
  readonly #waiting: (() => void)[] = [];
  calls = 0;
  keys = 0;

  constructor(baseMs: number) {
    this.#baseMs = baseMs;
  }

  readonly sink: Sink = async (keys) => {
    this.calls += 1;
    this.keys += keys.length;
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await sleep(this.#baseMs + keys.length * 0.002);
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
    return keys;
  };
}
