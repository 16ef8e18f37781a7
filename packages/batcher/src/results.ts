import { type Answer, dropPromise, type Part } from './batch.ts';
import { ResultMissingError, ResultShapeError, show } from './errors.ts';

/** A result or an error for each item, in the order of the items; made by `settled`. */
export class SettledResults<Result> {
  readonly results: readonly PromiseSettledResult<Result>[];

  constructor(results: readonly PromiseSettledResult<Result>[]) {
    this.results = results;
  }
}

/** What `process` may give: see `BatcherOptions.process`. */
export type BatchResults<Result> =
  | readonly Result[]
  | ReadonlyMap<unknown, Result>
  | Readonly<Record<string, Result>>
  | SettledResults<Result>;

/**
 * Marks what `Promise.allSettled` gives (or an array of that shape) as a result or an error for each
 * item. It has to be said, since a result of yours may happen to look like `{ status, value }`.
 *
 * @example process: async (ids) => settled(await Promise.allSettled(ids.map(loadOne)))
 */
export function settled<Result>(
  results: readonly PromiseSettledResult<Result>[],
): SettledResults<Result> {
  return new SettledResults(results);
}

/**
 * Gives each answer its result. Throws `ResultShapeError`, before anybody is answered, when the
 * results cannot be told apart by item.
 *
 * @param keyOf what an item is called in a `Map` or a plain object
 */
export function handOut<Item, Result>(
  name: string,
  results: unknown,
  { items, answers }: Part<Item, Result>,
  keyOf: (item: Item) => unknown,
): void {
  if (Array.isArray(results)) {
    if (results.length !== items.length) {
      dropPromises(results);
      throw wrongLength(name, results, items.length);
    }
    for (let i = 0; i < answers.length; i += 1) answers[i]?.resolve(results[i]);
  } else if (results instanceof SettledResults) {
    checkSettled(name, results.results, items.length);
    answers.forEach((answer, i) => {
      answerSettled(answer, results.results[i]);
    });
  } else {
    const found = lookup<Result>(name, results);
    answers.forEach((answer, i) => {
      // A key that cannot be made, or made into text, is the error of that caller alone.
      try {
        const key = keyOf(items[i] as Item);
        if (found.has(key)) answer.resolve(found.get(key));
        else answer.reject(new ResultMissingError(name, key));
      } catch (error) {
        answer.reject(error);
      }
    });
  }
}

/** Nobody waits for these results any more, or nobody knows whose they are. */
export function dropPromises(results: unknown): void {
  if (Array.isArray(results)) results.forEach(dropPromise);
}

function wrongLength(
  name: string,
  results: readonly unknown[],
  expected: number,
): ResultShapeError {
  return new ResultShapeError(
    name,
    `process got ${expected} items and gave an array of ${results.length}; give one result per item, or a Map by item`,
  );
}

function checkSettled(name: string, results: unknown, expected: number): void {
  if (!Array.isArray(results)) {
    throw new ResultShapeError(name, `settled() takes an array, got ${show(results)}`);
  }
  if (results.length !== expected) throw wrongLength(name, results, expected);
  const wrong = results.find((one) => one?.status !== 'fulfilled' && one?.status !== 'rejected');
  if (wrong === undefined && !results.includes(undefined)) return;
  throw new ResultShapeError(
    name,
    `settled() takes { status: 'fulfilled', value } or { status: 'rejected', reason }, got ${show(wrong)}`,
  );
}

function answerSettled<Result>(
  answer: Answer<Result>,
  result: PromiseSettledResult<Result> | undefined,
): void {
  if (result?.status === 'fulfilled') answer.resolve(result.value);
  else answer.reject(result?.reason);
}

interface Lookup<Result> {
  has(key: unknown): boolean;
  get(key: unknown): Result;
}

function lookup<Result>(name: string, results: unknown): Lookup<Result> {
  if (results instanceof Map) return results;
  if (isPlainObject(results)) {
    return {
      has: (key) => Object.hasOwn(results, String(key)),
      get: (key) => results[String(key)] as Result,
    };
  }
  throw new ResultShapeError(
    name,
    `process must give an array, a Map, a plain object or settled(...), got ${show(results)}`,
  );
}

/** Instances of classes are no results by item: rather the answer of a driver that was passed on whole. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
