import { announce, type Component } from './announce.ts';
import type { Batch, Caller } from './batch.ts';
import { outsideOfRequests } from './clock.ts';
import { Crowd } from './crowd.ts';
import { Dispatcher } from './dispatcher.ts';
import { BatcherClosedError, ItemTooLargeError, show } from './errors.ts';
import type { Lane } from './lane.ts';
import { type BatcherOptions, checkMs, resolveOptions, type Settings } from './options.ts';
import { Sender } from './sender.ts';
import { watch } from './signals.ts';
import { type BatcherStats, type Counters, zeroCounters } from './stats.ts';
import { activeSpan, isTracing } from './tracing.ts';

/** What `add` takes beside the item. */
export interface AddOptions {
  /**
   * Takes the call back. Before the batch leaves, the item leaves the batch; afterwards only this
   * caller is rejected. Either way with `signal.reason`.
   */
  readonly signal?: AbortSignal | undefined;
}

export interface CloseOptions {
  /** How long (milliseconds) to wait for what was added before; `Infinity` for no limit. Default 5,000. */
  readonly timeoutMs?: number;
}

/** Collects single calls into batches; made by `createBatcher`. */
export interface Batcher<Item, Result> extends AsyncDisposable {
  readonly name: string;
  /**
   * Gives the item to the next batch; resolves to its result. Never throws: it rejects with what
   * `process` threw, the reason of `signal`, or one of `QueueFullError`, `BatcherClosedError`,
   * `BatchTimeoutError`, `ItemTooLargeError`, `ResultShapeError`, `ResultMissingError`.
   */
  add(item: Item, options?: AddOptions): Promise<Result>;
  /**
   * Lets all that waits leave as soon as there are slots for it, without waiting for company.
   * Resolves when each call that was added before has its answer, whichever; never rejects.
   */
  flush(): Promise<void>;
  /**
   * Takes no more calls, sends what waits, and resolves when each call has its answer, at the latest
   * after `timeoutMs`: then the rest is rejected with `BatcherClosedError` and the signals of batches
   * in flight abort. Of several calls, the one whose time is up first ends it. Rejects only with
   * `RangeError`, for a bad `timeoutMs`.
   */
  close(options?: CloseOptions): Promise<void>;
  stats(): BatcherStats;
}

/** @throws {TypeError | RangeError} for a bad option; the message names it and shows the value */
export function createBatcher<Item, Result>(
  options: BatcherOptions<Item, Result>,
): Batcher<Item, Result> {
  return new SlotBatcher(resolveOptions(options));
}

/** Where an item with a key waits, so that others can join. */
interface Joinable<Item, Result> {
  readonly batch: Batch<Item, Result>;
  readonly crowd: Crowd<Result>;
}

class SlotBatcher<Item, Result> implements Batcher<Item, Result> {
  readonly name: string;
  readonly #settings: Settings<Item, Result>;
  readonly #counters: Counters = zeroCounters();
  readonly #dispatcher: Dispatcher<Item, Result>;
  /** What one can still join, by lane and key. */
  readonly #joinable = new WeakMap<Lane<Item, Result>, Map<unknown, Joinable<Item, Result>>>();
  /** Observers know this object weakly: it must live as long as the batcher. */
  readonly #component: Component;
  readonly #leaveRegistry: () => void;
  #isClosed = false;

  constructor(settings: Settings<Item, Result>) {
    this.name = settings.name;
    this.#settings = settings;
    this.#dispatcher = this.#createDispatcher(settings);
    this.#component = { kind: 'batcher', name: this.name, stats: () => this.stats() };
    this.#leaveRegistry = announce(this.#component);
  }

  add(item: Item, options?: AddOptions): Promise<Result> {
    // What is thrown in here becomes a rejection.
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new BatcherClosedError(this.name, false);
      const signal = options?.signal;
      signal?.throwIfAborted();
      const caller: Caller<Result> = { calls: 1, resolve, reject, span: undefined };
      const { sizeOf, dedupeKey, groupBy } = this.#settings;
      const bytes = sizeOf ? this.#checkSize(sizeOf(item)) : 0;
      const key = dedupeKey?.(item);
      const lane = groupBy ? this.#dispatcher.lane(groupBy(item)) : this.#dispatcher.onlyLane;
      const shared = dedupeKey && this.#share(lane, item, key, caller, bytes);
      const batch = shared?.batch ?? this.#dispatcher.board(lane, item, caller, bytes);
      batch.isTraced ??= isTracing();
      if (batch.isTraced) caller.span = activeSpan();
      if (signal) this.#watch(signal, caller, batch, shared?.crowd);
      this.#counters.added += 1;
    });
  }

  async flush(): Promise<void> {
    const batches = [...this.#dispatcher.ripenAll(), ...this.#dispatcher.inFlight];
    await Promise.all(batches.map((batch) => batch.done()));
  }

  async close({ timeoutMs = 5_000 }: CloseOptions = {}): Promise<void> {
    checkMs('timeoutMs', timeoutMs, { zero: true, infinite: true });
    this.#isClosed = true;
    await this.#drain(timeoutMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): BatcherStats {
    const { waiting, slotsTaken, refused } = this.#dispatcher;
    const queued = Math.min(waiting, this.#settings.queue.max);
    return {
      ...this.#counters,
      queued,
      waitingForRoom: waiting - queued,
      inFlight: slotsTaken,
      refused,
    };
  }

  #createDispatcher(settings: Settings<Item, Result>): Dispatcher<Item, Result> {
    const { maxWaitMs, clock, queue } = settings;
    const sender = new Sender(settings, this.#counters, (batch) => this.#dispatcher.arrived(batch));
    return new Dispatcher({
      ...settings,
      maxWaiting: queue.whenFull === 'reject' ? queue.max : Number.POSITIVE_INFINITY,
      isGrouped: settings.groupBy !== undefined,
      leaveWhenFull: true,
      wait:
        maxWaitMs > 0
          ? (ripen) => clock.after(maxWaitMs, () => outsideOfRequests(ripen))
          : undefined,
      send: (batch) => sender.send(batch),
    });
  }

  #checkSize(bytes: number): number {
    const { maxBytes } = this.#settings;
    if (!(bytes >= 0))
      throw new RangeError(`sizeOf must give a number of bytes, got ${show(bytes)}`);
    if (bytes > maxBytes) throw new ItemTooLargeError(this.name, bytes, maxBytes);
    return bytes;
  }

  #share(
    lane: Lane<Item, Result>,
    item: Item,
    key: unknown,
    caller: Caller<Result>,
    bytes: number,
  ): Joinable<Item, Result> {
    const joinable = this.#joinableIn(lane);
    const found = joinable.get(key);
    if (found) {
      this.#dispatcher.join(found.batch);
      found.crowd.callers.add(caller);
      this.#counters.joined += 1;
      return found;
    }
    const crowd = new Crowd(caller, () => joinable.delete(key));
    const made = { crowd, batch: this.#dispatcher.board(lane, item, crowd, bytes) };
    joinable.set(key, made);
    return made;
  }

  #joinableIn(lane: Lane<Item, Result>): Map<unknown, Joinable<Item, Result>> {
    let joinable = this.#joinable.get(lane);
    if (!joinable) {
      joinable = new Map();
      this.#joinable.set(lane, joinable);
    }
    return joinable;
  }

  #watch(
    signal: AbortSignal,
    caller: Caller<Result>,
    batch: Batch<Item, Result>,
    crowd: Crowd<Result> | undefined,
  ): void {
    const { resolve, reject } = caller;
    const unwatch = watch(signal, () => {
      unwatch();
      this.#counters.cancelled += 1;
      const isLast = crowd ? crowd.lose(caller) : true;
      this.#dispatcher.lose(batch, isLast ? (crowd ?? caller) : undefined, signal.reason);
      reject(signal.reason);
    });
    caller.resolve = (value) => {
      unwatch();
      resolve(value);
    };
    caller.reject = (reason) => {
      unwatch();
      reject(reason);
    };
  }

  async #drain(timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const callOff =
      timeoutMs === Number.POSITIVE_INFINITY
        ? () => undefined
        : this.#settings.clock.after(timeoutMs, late.resolve);
    await Promise.race([this.flush(), late.promise]);
    callOff();
    this.#dispatcher.abandonAll((batch) => {
      const error = new BatcherClosedError(this.name, batch.hasLeft);
      batch.reject(error);
      batch.context?.giveUp(error);
    });
    this.#leaveRegistry();
  }
}
