import { type Classify, kindOf } from './failures.ts';

/** What happens to messages that fail. */
export interface FailurePolicy {
  /** Calls of the handler at most. */
  readonly attempts: number;
  /** How long to wait after each failed call, in ms; the last goes on for all that follow. */
  readonly backoffMs: readonly number[];
  /** Whether they wait in retry topics rather than in place. */
  readonly topics: boolean;
  /** Whether there is a topic for those that no attempt could handle. */
  readonly deadLetter: boolean;
  readonly classify: Classify | undefined;
}

/** What is to be done with a message that failed. */
export type Verdict =
  /** Another call, in place; `isStuck` when it would be over if there were a place for dead letters. */
  | { readonly kind: 'again'; readonly delayMs: number; readonly isStuck: boolean }
  /** To the retry topic of that step, from 1 up. */
  | { readonly kind: 'retry-topic'; readonly step: number; readonly delayMs: number }
  | { readonly kind: 'dead-letter' }
  | { readonly kind: 'fatal' };

/**
 * Without dead letters nothing is ever given up: the message is tried again in place, and those of its key
 * wait, until it succeeds.
 *
 * @param attempts how often the handler was called, the failed call included
 */
export function judge(policy: FailurePolicy, error: unknown, attempts: number): Verdict {
  const kind = kindOf(error, policy.classify);
  if (kind === 'fatal') return { kind: 'fatal' };
  const step = Math.min(attempts, policy.backoffMs.length);
  const delayMs = policy.backoffMs[step - 1] ?? 0;
  if (kind === 'retryable' && attempts < policy.attempts) {
    if (policy.topics && step > 0) return { kind: 'retry-topic', step, delayMs };
    return { kind: 'again', delayMs, isStuck: false };
  }
  if (policy.deadLetter) return { kind: 'dead-letter' };
  return { kind: 'again', delayMs: Math.max(delayMs, stuckMs(attempts)), isStuck: true };
}

/** Someone has to look at it: until then it need not be tried more than twice a minute. */
function stuckMs(attempts: number): number {
  return Math.min(30_000, 500 * 2 ** Math.min(attempts, 10));
}
