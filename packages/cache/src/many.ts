import { CacheKeysError } from './errors.ts';
import type { LoadContext, Loads } from './load.ts';

/** What a loader of many keys is given. */
export interface LoadManyContext<V> {
  /** Aborts when nobody waits for any of the keys any more, and at `loadTimeout.hardMs`. Pass it on. */
  readonly signal: AbortSignal;
  /** What a loader of this one key would be given: its previous entry, `setTtl`, `skip`. */
  of(key: string): LoadContext<V>;
}

/**
 * Gets many values at once. A key that is not in the Map has no value; an Error in the Map fails
 * that key only.
 */
export type ManyLoader<V> = (
  keys: readonly string[],
  context: LoadManyContext<V>,
) =>
  | ReadonlyMap<string, V | Error | undefined>
  | PromiseLike<ReadonlyMap<string, V | Error | undefined>>;

interface Joined<V> {
  readonly context: LoadContext<V>;
  resolve(value: V | undefined): void;
  reject(error: unknown): void;
}

/** Gathers the keys that have to be loaded and loads them with one call. */
export class LoadBatch<V> {
  readonly #load: ManyLoader<V>;
  readonly #loads: Loads;
  /** Keys of which it is not known yet whether they have to be loaded here. */
  readonly #open: Set<string>;
  #joined = new Map<string, Joined<V>>();

  constructor(keys: Iterable<string>, load: ManyLoader<V>, loads: Loads) {
    this.#open = new Set(keys);
    this.#load = load;
    this.#loads = loads;
  }

  /** The loader of one key: it waits until the fate of all is known. */
  join(context: LoadContext<V>): Promise<V | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<V | undefined>();
    this.#joined.set(context.key, { context, resolve, reject });
    // Whoever comes after the call, as another process did not load its key, makes a further one.
    if (this.#open.size === 0) setImmediate(() => this.#dispatch());
    this.settle(context.key);
    return promise;
  }

  /** The key is known, or somebody else loads it. */
  settle(key: string): void {
    if (this.#open.delete(key) && this.#open.size === 0) void this.#dispatch();
  }

  async #dispatch(): Promise<void> {
    const joined = this.#joined;
    if (joined.size === 0) return;
    this.#joined = new Map();
    const controller = new AbortController();
    stopWith(controller, joined);
    const work = callAsync(this.#load, joined, controller.signal);
    controller.signal.addEventListener('abort', () => this.#loads.watchAbandoned(work));
    try {
      const values = await work;
      for (const [key, { resolve, reject }] of joined) {
        const value = values.get(key);
        if (value instanceof Error) reject(value);
        else resolve(value);
      }
    } catch (error) {
      for (const { reject } of joined.values()) reject(error);
    }
  }
}

async function callAsync<V>(
  load: ManyLoader<V>,
  joined: ReadonlyMap<string, Joined<V>>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, V | Error | undefined>> {
  const of = (key: string) => {
    const context = joined.get(key)?.context;
    if (!context) throw new RangeError(`"${key}" is none of the keys to load`);
    return context;
  };
  const values = await load([...joined.keys()], { signal, of });
  if (!(values instanceof Map)) throw new TypeError('a loader of many keys must give a Map');
  return values;
}

/** The call is of use as long as one of its keys is. What is given up is not waited for by its own load. */
function stopWith<V>(controller: AbortController, joined: ReadonlyMap<string, Joined<V>>): void {
  let wanted = joined.size;
  for (const { context, reject } of joined.values()) {
    const leave = () => {
      reject(context.signal.reason);
      wanted -= 1;
      if (wanted === 0) controller.abort(context.signal.reason);
    };
    if (context.signal.aborted) leave();
    else context.signal.addEventListener('abort', leave, { once: true });
  }
}

/** How a caller waits for many. */
interface Gathering {
  readonly signal: AbortSignal | undefined;
  readonly onError: ((key: string, error: unknown) => void) | undefined;
}

/** Waits for all; rejects with all that failed unless `onError` takes care of them, or the caller left. */
export async function gather<V>(
  calls: ReadonlyMap<string, Promise<V | undefined>>,
  { signal, onError }: Gathering,
): Promise<Map<string, V>> {
  const results = new Map<string, V>();
  const failures = new Map<string, unknown>();
  await Promise.allSettled(calls.values());
  signal?.throwIfAborted();
  for (const [key, call] of calls) {
    try {
      const value = await call;
      if (value !== undefined) results.set(key, value);
    } catch (error) {
      failures.set(key, error);
    }
  }
  if (failures.size > 0 && !onError) throw new CacheKeysError(failures, results);
  for (const [key, error] of failures) onError?.(key, error);
  return results;
}
