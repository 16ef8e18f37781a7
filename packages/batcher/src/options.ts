import { type Clock, clockOf } from './clock.ts';
import { show } from './errors.ts';
import type { BatchResults } from './results.ts';

/** What `process` is given beside the items. */
export interface BatchContext {
  /**
   * Aborts when nobody waits for the batch any more: it timed out, each of its callers aborted, or
   * the batcher was closed. Pass it on to what you call.
   */
  readonly signal: AbortSignal;
}

/** What happens to calls that no free slot takes at once. */
export interface QueueOptions {
  /** How many calls may wait. `Infinity` for no bound. Default 10,000. */
  readonly max?: number;
  /**
   * `'reject'` (the default): a call beyond `max` rejects at once with `QueueFullError`.
   *
   * `'wait'`: nobody is refused. A call beyond `max` waits for room, first come, first served; the
   * number of your callers is then the only bound, so use it where each of them awaits its `add`.
   */
  readonly whenFull?: 'reject' | 'wait';
}

/** Sends the halves of a failed batch again, and theirs, until the items that make it fail are alone. */
export interface BisectOptions {
  readonly bisect: {
    /** How many calls of `process` one failed batch may cost beyond the first. What is left then gets its error. */
    readonly maxExtraCalls: number;
  };
}

/** What `createBatcher` takes. */
export interface BatcherOptions<Item, Result> {
  /**
   * Sends one batch and gives the results: an array in the order of the items, a `Map` or a plain
   * object by item (or by `dedupeKey`), or `settled(...)` for a result or an error per item.
   * What it throws goes to every caller of the batch. It runs outside of any caller's async context.
   */
  readonly process: (
    items: readonly Item[],
    context: BatchContext,
  ) => BatchResults<Result> | PromiseLike<BatchResults<Result>>;
  /** Appears in errors, spans and statistics. Default `'batcher'`. */
  readonly name?: string;
  /** Items in a batch at most. `Infinity` for no bound. Default 100. */
  readonly maxSize?: number;
  /** Bytes in a batch at most, as `sizeOf` counts them. Default `Infinity`. */
  readonly maxBytes?: number;
  /** The size of an item in bytes. Required with `maxBytes`. */
  readonly sizeOf?: (item: Item) => number;
  /**
   * With a slot free, how long (milliseconds) the first item of a batch waits for company at most.
   * Default 0: to the end of the current tick.
   */
  readonly maxWaitMs?: number;
  /** Batches in flight at most. `Infinity` for no bound. Default 4. */
  readonly concurrency?: number;
  /** What happens to calls that no free slot takes at once. */
  readonly queue?: QueueOptions;
  /**
   * Calls whose items have the same key (compared as in a `Map`) share one item as long as it has
   * not left; each of them gets its result. Default: every call is an item of its own.
   */
  readonly dedupeKey?: (item: Item) => unknown;
  /**
   * A batch holds items of one group only (compared as in a `Map`). Groups are served in turn; one
   * group alone never takes the last slot (with a `concurrency` of 2 or more), and when the queue is
   * full, a group with less than an equal share takes a place from the one that holds most.
   * Default: all items are one group.
   */
  readonly groupBy?: (item: Item) => unknown;
  /**
   * How long (milliseconds) one call of `process` may take; then its callers get `BatchTimeoutError`,
   * its signal aborts, its slot is free, and what it gives later is dropped. `Infinity` for no limit.
   * Default 30,000.
   */
  readonly timeoutMs?: number;
  /**
   * When `process` throws: `'reject'` (the default) gives the error to every caller of the batch;
   * `{ bisect: { maxExtraCalls } }` sends parts of it again to isolate the items at fault. That sends
   * items more than once, so `process` must be idempotent; it has to be asked for by its cap.
   */
  readonly onBatchError?: 'reject' | BisectOptions;
  /** Where the time comes from. Default: the system's. */
  readonly clock?: Clock;
}

/** Options with every default filled in. */
export interface Settings<Item, Result> {
  readonly process: BatcherOptions<Item, Result>['process'];
  readonly name: string;
  readonly maxSize: number;
  readonly maxBytes: number;
  readonly sizeOf: ((item: Item) => number) | undefined;
  readonly maxWaitMs: number;
  readonly concurrency: number;
  readonly queue: Required<QueueOptions>;
  readonly dedupeKey: ((item: Item) => unknown) | undefined;
  readonly groupBy: ((item: Item) => unknown) | undefined;
  readonly timeoutMs: number;
  /** 0 when a failed batch is not taken apart. */
  readonly maxExtraCalls: number;
  readonly clock: Required<Clock>;
}

/** The longest delay of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Fills in the defaults; throws a `TypeError` or `RangeError` that names the field and the value. */
export function resolveOptions<Item, Result>(
  options: BatcherOptions<Item, Result>,
): Settings<Item, Result> {
  const { process, name = 'batcher', sizeOf, dedupeKey, groupBy, maxSize = 100 } = options;
  const { maxBytes = Number.POSITIVE_INFINITY, concurrency = 4 } = options;
  const { maxWaitMs = 0, timeoutMs = 30_000, onBatchError = 'reject' } = options;
  if (typeof name !== 'string') throw new TypeError(`name must be a string, got ${show(name)}`);
  checkFunction('process', process);
  checkOptionalFunctions({ sizeOf, dedupeKey, groupBy });
  for (const [field, value] of Object.entries({ maxSize, maxBytes, concurrency })) {
    checkCount(field, value);
  }
  checkMs('timeoutMs', timeoutMs, { zero: false, infinite: true });
  checkMs('maxWaitMs', maxWaitMs, { zero: true, infinite: false });
  if (maxBytes !== Number.POSITIVE_INFINITY && !sizeOf) {
    throw new TypeError(`maxBytes ${maxBytes} needs sizeOf to measure items with`);
  }
  const queue = resolveQueue(options.queue);
  const maxExtraCalls = extraCalls(onBatchError);
  if (options.clock) checkFunction('clock.now', options.clock.now);
  checkOptionalFunctions({ 'clock.after': options.clock?.after });
  const clock = clockOf(options.clock);
  const functions = { process, sizeOf, dedupeKey, groupBy, clock };
  const limits = { maxSize, maxBytes, maxWaitMs, concurrency, queue, timeoutMs, maxExtraCalls };
  return { name, ...functions, ...limits };
}

/** The queue with its defaults, checked. */
export function resolveQueue(queue: QueueOptions = {}): Required<QueueOptions> {
  const { max = 10_000, whenFull = 'reject' } = queue;
  checkCount('queue.max', max);
  if (whenFull !== 'reject' && whenFull !== 'wait') {
    throw new TypeError(`queue.whenFull must be 'reject' or 'wait', got ${show(whenFull)}`);
  }
  return { max, whenFull };
}

export function checkFunction(field: string, value: unknown): void {
  if (typeof value !== 'function')
    throw new TypeError(`${field} must be a function, got ${show(value)}`);
}

function checkOptionalFunctions(fields: Record<string, unknown>): void {
  for (const [field, value] of Object.entries(fields)) {
    if (value !== undefined) checkFunction(field, value);
  }
}

/** A positive integer, or `Infinity`. */
export function checkCount(field: string, value: unknown): void {
  if (value === Number.POSITIVE_INFINITY) return;
  if (!Number.isInteger(value) || Number(value) < 1) {
    throw new RangeError(`${field} must be a positive integer or Infinity, got ${show(value)}`);
  }
}

export function checkMs(
  field: string,
  value: unknown,
  { zero, infinite }: { zero: boolean; infinite: boolean },
): void {
  if (infinite && value === Number.POSITIVE_INFINITY) return;
  const ms = typeof value === 'number' ? value : Number.NaN;
  if (ms <= MAX_TIMER_MS && (zero ? ms >= 0 : ms > 0)) return;
  const least = zero ? 'not negative' : 'positive';
  const most = `at most ${MAX_TIMER_MS}${infinite ? ', or Infinity' : ''}`;
  throw new RangeError(`${field} must be ${least} and ${most}, got ${show(value)}`);
}

function extraCalls(onBatchError: unknown): number {
  if (onBatchError === 'reject') return 0;
  const cap = (onBatchError as Partial<BisectOptions> | null)?.bisect?.maxExtraCalls;
  if (cap === undefined) {
    throw new TypeError(
      `onBatchError must be 'reject' or { bisect: { maxExtraCalls } }, got ${show(onBatchError)}: bisecting sends items again, so its cap must be given`,
    );
  }
  checkCount('onBatchError.bisect.maxExtraCalls', cap);
  return cap;
}
