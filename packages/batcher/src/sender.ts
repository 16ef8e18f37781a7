import { AsyncLocalStorage } from 'node:async_hooks';
import type { Batch, Part } from './batch.ts';
import { bisect } from './bisect.ts';
import { CallContext, callInTime } from './call.ts';
import { BatchTimeoutError, ResultShapeError } from './errors.ts';
import type { Settings } from './options.ts';
import { handOut } from './results.ts';
import type { Counters } from './stats.ts';
import { beginSpan, recordFailure } from './tracing.ts';

/** Runs a function in the async context in which this module was loaded: that of no request. */
const outsideOfRequests = AsyncLocalStorage.snapshot();

/** Calls `process` with the items of a batch, and gives every caller a result or an error. */
export class Sender<Item, Result> {
  readonly #settings: Settings<Item, Result>;
  readonly #counters: Counters;
  readonly #keyOf: (item: Item) => unknown;

  constructor(settings: Settings<Item, Result>, counters: Counters) {
    this.#settings = settings;
    this.#counters = counters;
    this.#keyOf = settings.dedupeKey ?? ((item) => item);
  }

  /** Calls `arrived`, in a later job, when the calls for the batch have ended. */
  send(batch: Batch<Item, Result>, arrived: () => void): void {
    this.#count(batch);
    outsideOfRequests(() => {
      const span = batch.isTraced ? beginSpan(this.#settings.name, batch) : undefined;
      const context = new CallContext(span);
      batch.context = context;
      const end = () => {
        span?.end();
        arrived();
      };
      this.#call(batch, context, end, (error) => {
        this.#counters.failedBatches += 1;
        if (span) recordFailure(span, error);
        this.#afterFailure(batch, error, context).then(end);
      });
    });
  }

  #count(batch: Batch<Item, Result>): void {
    const counters = this.#counters;
    const size = batch.items.length;
    counters.batches += 1;
    counters.items += size;
    if (size > counters.largestBatch) counters.largestBatch = size;
    counters.waitMs += batch.leftAtMs - batch.openedAtMs;
  }

  /** Sends a batch or a part of it, and hands out what comes back. */
  #call(
    part: Part<Item, Result>,
    context: CallContext,
    onDone: () => void,
    onError: (error: unknown) => void,
  ): void {
    const { name, process, timeoutMs, clock } = this.#settings;
    const onTimeout = () => {
      this.#counters.timedOut += 1;
      const error = new BatchTimeoutError(name, timeoutMs, part.items.length);
      context.abort(error);
      return error;
    };
    const onValue = (results: unknown) => {
      try {
        handOut(name, results, part, this.#keyOf);
      } catch (error) {
        onError(error);
        return;
      }
      onDone();
    };
    const call = () => context.run(() => process(part.items, context));
    callInTime<unknown>(call, { timeoutMs, clock, onTimeout }, { onValue, onError });
  }

  async #afterFailure(
    batch: Batch<Item, Result>,
    error: unknown,
    context: CallContext,
  ): Promise<void> {
    const maxCalls = this.#settings.maxExtraCalls;
    if (maxCalls === 0 || batch.items.length === 1 || !isWorthBisecting(error)) {
      batch.reject(error);
      return;
    }
    await bisect(batch, {
      error,
      maxCalls,
      isWorthwhile: isWorthBisecting,
      isOver: () => context.isAborted,
      send: (part) => {
        this.#counters.extraCalls += 1;
        return new Promise((resolve, reject) => this.#call(part, context, resolve, reject));
      },
    });
  }
}

/** A backend that hangs, or a function that answers in a wrong form, does so for any part as well. */
function isWorthBisecting(error: unknown): boolean {
  return !(error instanceof BatchTimeoutError || error instanceof ResultShapeError);
}
