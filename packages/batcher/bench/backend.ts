import type { Sink } from '@shopgpt/peers/batcher';

interface Call {
  readonly keys: readonly number[];
  readonly resolve: (keys: readonly number[]) => void;
  dueAt: number;
}

/**
 * Four connections: a batch takes one for `baseMs` and 2 us per key, or waits for one. The benchmark
 * polls it on every turn of the event loop: a socket is not bound to whole milliseconds, as timers are.
 */
export class Backend {
  readonly #baseMs: number;
  readonly #connections = new Set<Call>();
  readonly #waiting: Call[] = [];
  calls = 0;
  keys = 0;

  constructor(baseMs: number) {
    this.#baseMs = baseMs;
  }

  readonly sink: Sink = (keys) =>
    new Promise((resolve) => {
      this.calls += 1;
      this.keys += keys.length;
      this.#waiting.push({ keys, resolve, dueAt: 0 });
      this.poll();
    });

  /** Answers what is due, and begins what waits. */
  poll(): void {
    const now = performance.now();
    for (const call of this.#connections) {
      if (call.dueAt > now) continue;
      this.#connections.delete(call);
      call.resolve(call.keys);
    }
    while (this.#connections.size < 4) {
      const call = this.#waiting.shift();
      if (!call) return;
      call.dueAt = now + this.#baseMs + call.keys.length * 0.002;
      this.#connections.add(call);
    }
  }
}
