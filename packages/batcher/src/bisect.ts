import type { Batch, Part } from './batch.ts';

export interface Bisection<Item, Result> {
  /** What the whole batch failed with. */
  readonly error: unknown;
  readonly maxCalls: number;
  /** Sends a part and hands out its results. */
  readonly send: (part: Part<Item, Result>) => Promise<void>;
  /** Whether what failed so could succeed in parts. */
  readonly isWorthwhile: (error: unknown) => boolean;
  /** Whether no further call is wanted. */
  readonly isOver: () => boolean;
}

/** A stretch of a batch that failed as a whole. */
interface Failed {
  readonly from: number;
  readonly to: number;
  readonly error: unknown;
}

interface Failure {
  readonly error: unknown;
  /** There is no use, or no way, in sending parts of it. */
  readonly isFinal: boolean;
}

/**
 * Sends the halves of what failed, breadth first, until the items at fault are alone or the calls are
 * used up. Then everybody has an answer. Items that nobody waits for any more are not sent again.
 */
export async function bisect<Item, Result>(
  batch: Batch<Item, Result>,
  { error, maxCalls, send, isWorthwhile, isOver }: Bisection<Item, Result>,
): Promise<void> {
  const failed: Failed[] = [{ from: 0, to: batch.items.length, error }];
  let callsLeft = maxCalls;

  /** Resolves to nothing when all went well. */
  const attempt = async (part: Part<Item, Result>): Promise<Failure | undefined> => {
    if (part.items.length === 0) return undefined;
    callsLeft -= 1;
    return send(part).then(
      () => undefined,
      (error) => ({ error, isFinal: part.items.length === 1 || !isWorthwhile(error) }),
    );
  };

  const sendHalf = async (half: Failed): Promise<void> => {
    const part = batch.unanswered(half.from, half.to);
    const mayCall = callsLeft > 0 && !isOver();
    const failure = mayCall ? await attempt(part) : { error: half.error, isFinal: true };
    if (failure && !failure.isFinal) {
      failed.push({ ...half, error: failure.error });
      return;
    }
    if (failure) for (const answer of part.answers) answer.reject(failure.error);
    batch.answered(half.from, half.to);
  };

  for (let next = failed.shift(); next; next = failed.shift()) {
    const middle = Math.ceil((next.from + next.to) / 2);
    await sendHalf({ ...next, to: middle });
    await sendHalf({ ...next, from: middle });
  }
}
