import { Alarm } from './alarm.ts';
import type { Batch, Part } from './batch.ts';
import { bisect } from './bisect.ts';
import { Awaited, CallContext } from './call-context.ts';
import { Crowd } from './crowd.ts';
import { BatchTimeoutError, ResultShapeError } from './errors.ts';
import type { Settings } from './options.ts';
import { dropPromises, handOut } from './results.ts';
import type { Counters } from './stats.ts';
import { beginSpan, recordFailure, within } from './tracing.ts';

const settled = Promise.resolve();

/** Calls `process` with the items of a batch, and gives every caller a result or an error. */
export class Sender<Item, Result> {
  readonly #settings: Settings<Item, Result>;
  readonly #counters: Counters;
  readonly #arrived: (batch: Batch<Item, Result>) => void;
  readonly #keyOf: (item: Item) => unknown;

  /** @param arrived told, in a later job, when the calls for a batch have ended */
  constructor(
    settings: Settings<Item, Result>,
    counters: Counters,
    arrived: (batch: Batch<Item, Result>) => void,
  ) {
    this.#settings = settings;
    this.#counters = counters;
    this.#arrived = arrived;
    this.#keyOf = settings.dedupeKey ?? ((item) => item);
  }

  send(batch: Batch<Item, Result>): void {
    if (this.#settings.dedupeKey) closeCrowds(batch);
    this.#count(batch);
    const span = batch.isTraced ? beginSpan(this.#settings.name, batch) : undefined;
    const context = new CallContext(span);
    batch.context = context;
    const end = () => {
      span?.end();
      this.#arrived(batch);
    };
    this.#call(batch, context, batch.leftAtMs).then(end, (error) => {
      this.#counters.failedBatches += 1;
      if (span) recordFailure(span, error);
      this.#afterFailure(batch, error, context).then(end);
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

  /** Sends a batch or a part of it, and hands out what comes back. After a timeout that is dropped. */
  #call(part: Part<Item, Result>, context: CallContext, nowMs: number): Promise<void> {
    const { name, process, timeoutMs, clock } = this.#settings;
    return new Promise((resolve, reject) => {
      const answer = new Awaited(reject);
      context.awaited = answer;
      const onTimeout = () => {
        this.#counters.timedOut += 1;
        context.giveUp(new BatchTimeoutError(name, timeoutMs, part.items.length));
      };
      const onValue = (results: unknown) => {
        if (answer.isOver) {
          dropPromises(results);
          return;
        }
        answer.end();
        try {
          handOut(name, results, part, this.#keyOf);
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      const { span } = context;
      const call = () => process(part.items, context);
      Promise.resolve<unknown>(span ? within(span, call) : call()).then(onValue, (error) =>
        answer.fail(error),
      );
      // A timer is dear, and many a call is over by the next promise job.
      settled.then(() => {
        if (!answer.isOver) answer.alarm = new Alarm(clock, nowMs + timeoutMs, onTimeout);
      });
    });
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
        return this.#call(part, context, this.#settings.clock.now());
      },
    });
  }
}

/** What has left can be joined no more. */
function closeCrowds<Item, Result>({ answers }: Batch<Item, Result>): void {
  for (const answer of answers) if (answer instanceof Crowd) answer.close();
}

/** A backend that hangs, or a function that answers in a wrong form, does so for any part as well. */
function isWorthBisecting(error: unknown): boolean {
  return !(error instanceof BatchTimeoutError || error instanceof ResultShapeError);
}
