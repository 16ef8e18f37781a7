import type { BatchContext } from '../options.ts';
import type { BatchResults } from '../results.ts';

/** One call of `process`, which waits for its answer. */
export interface ScriptedCall<Item, Result> {
  readonly items: readonly Item[];
  readonly signal: AbortSignal;
  resolve(results: BatchResults<Result>): void;
  reject(error: unknown): void;
}

/** Stands in for what a batcher sends to: it answers as the test says, when the test says. */
export interface ScriptedBackend<Item, Result> {
  /** Give this to `createBatcher`. */
  readonly process: (
    items: readonly Item[],
    context: BatchContext,
  ) => Promise<BatchResults<Result>>;
  /** All calls so far. */
  readonly calls: readonly ScriptedCall<Item, Result>[];
  /** The items of all calls so far. */
  readonly sent: readonly (readonly Item[])[];
  /** The call that comes next, or came first since the last `nextCall`. */
  nextCall(): Promise<ScriptedCall<Item, Result>>;
}

/**
 * @param answer answers each call at once: gives the results, or throws; without it, a call waits
 * until the test answers it
 */
export function scriptedBackend<Item, Result = Item>(
  answer?: (items: readonly Item[]) => BatchResults<Result>,
): ScriptedBackend<Item, Result> {
  const calls: ScriptedCall<Item, Result>[] = [];
  const unseen: ScriptedCall<Item, Result>[] = [];
  const waiting: ((call: ScriptedCall<Item, Result>) => void)[] = [];

  return {
    calls,
    get sent() {
      return calls.map(({ items }) => items);
    },
    async process(items, { signal }) {
      const { promise, resolve, reject } = Promise.withResolvers<BatchResults<Result>>();
      const call = { items: [...items], signal, resolve, reject };
      calls.push(call);
      const expectant = waiting.shift();
      if (expectant) expectant(call);
      else unseen.push(call);
      return answer ? answer(items) : promise;
    },
    async nextCall() {
      return unseen.shift() ?? new Promise((resolve) => waiting.push(resolve));
    },
  };
}
