import type { SpanContext } from '@opentelemetry/api';
import type { Lane } from './lane.ts';
import type { Standing } from './line.ts';

/** Who gets the result of one item: one caller, or a `Crowd` of them. */
export interface Answer<Result> {
  /** How many callers wait for it. */
  readonly calls: number;
  /** The caller's span. */
  readonly span?: SpanContext | undefined;
  resolve(value: Result | PromiseLike<Result>): void;
  reject(reason: unknown): void;
}

/** One call of `add`. */
export interface Caller<Result> extends Answer<Result> {
  readonly calls: 1;
  span: SpanContext | undefined;
}

/** Stands where an answer was that nobody waits for any more. */
const nobody: Answer<unknown> = { calls: 0, resolve: dropPromise, reject: () => undefined };

/** A result that is a promise may fail unheard when nobody waits for it. */
export function dropPromise(result: unknown): void {
  if (result instanceof Promise) result.catch(() => undefined);
}

/** Items that are sent together, and who waits for each: `answers[i]` gets the result of `items[i]`. */
export interface Part<Item, Result> {
  readonly items: readonly Item[];
  readonly answers: readonly Answer<Result>[];
}

/** Items that leave together. */
export class Batch<Item, Result> implements Part<Item, Result>, Standing<Batch<Item, Result>> {
  ahead: Batch<Item, Result> | undefined = undefined;
  behind: Batch<Item, Result> | undefined = undefined;
  readonly lane: Lane<Item, Result>;
  readonly items: Item[] = [];
  readonly answers: Answer<Result>[] = [];
  /** Bytes by item, where items are measured. */
  sizes: number[] | undefined = undefined;
  bytes = 0;
  /** Callers who wait for a result of this batch. */
  calls = 0;
  /** When its first item came. */
  readonly openedAtMs: number;
  leftAtMs = 0;
  /** It may leave as soon as a slot is free. */
  isRipe = false;
  /** It is not waiting any more: it was sent, or all its items were taken back. */
  hasLeft = false;
  /** Whether its callers may have spans; not known before the first one is there. */
  isTraced: boolean | undefined = undefined;
  /** Calls off the wait for company. */
  stopWaiting: (() => void) | undefined = undefined;
  /** When it has left: to abort when nobody waits for it any more, to give up when nobody may. */
  context: { abort(reason: unknown): void; giveUp(error: Error): void } | undefined = undefined;
  /** Cached answers which are to be given together with this batch. */
  riders: (() => void)[] | undefined = undefined;
  #done: PromiseWithResolvers<void> | undefined;

  constructor(lane: Lane<Item, Result>, nowMs: number) {
    this.lane = lane;
    this.openedAtMs = nowMs;
  }

  /** Takes an item out before the batch leaves. */
  remove(answer: Answer<Result>): void {
    const index = this.answers.indexOf(answer);
    this.answers.splice(index, 1);
    this.items.splice(index, 1);
    this.bytes -= this.sizes?.splice(index, 1)[0] ?? 0;
  }

  /** Nobody waits for this item any more, but it was sent. */
  forget(answer: Answer<Result>): void {
    const index = this.answers.indexOf(answer);
    if (index >= 0) this.answers[index] = nobody;
  }

  /** The items from one index up to another that somebody still waits for. */
  unanswered(from: number, to: number): Part<Item, Result> {
    const isAwaited = (_: unknown, index: number) => this.answers[from + index] !== nobody;
    return {
      items: this.items.slice(from, to).filter(isAwaited),
      answers: this.answers.slice(from, to).filter(isAwaited),
    };
  }

  /** Says that the items from one index up to another have their answers. */
  answered(from: number, to: number): void {
    for (const answer of this.answers.slice(from, to)) this.calls -= answer.calls;
    this.answers.fill(nobody, from, to);
  }

  /** Gives an error to everybody who still waits. */
  reject(reason: unknown): void {
    for (const answer of this.answers) answer.reject(reason);
    this.answered(0, this.answers.length);
  }

  /** Resolves when every caller has an answer. */
  done(): Promise<void> {
    this.#done ??= Promise.withResolvers<void>();
    if (this.calls === 0) this.#done.resolve();
    return this.#done.promise;
  }

  /** Says that every caller has an answer. */
  finish(): void {
    this.#done?.resolve();
  }
}
