import { type BackoffOptions, backoffMs } from './backoff.ts';
import { callable, duration, oneOf, positiveInteger, withDefaults } from './check.ts';
import type { FullClock } from './clock.ts';
import { isRefusal } from './errors.ts';
import type { Hooks } from './events.ts';
import type { Execution } from './execution.ts';
import { retryAfterMs } from './retry-after.ts';
import { createRetryBudget, type RetryBudget } from './retry-budget.ts';

/** When and how often to try again; each option has a default. */
export interface RetryOptions {
  /** How many calls are made at most, the first included. Default 3. */
  readonly attempts?: number;
  readonly backoff?: BackoffOptions;
  /** Shared by all policies that call the same dependency. Default: one of its own. */
  readonly budget?: RetryBudget;
  /**
   * Whether to try again after this error. Never asked about refusals: these are not retried.
   * One that throws has said no. Default: always.
   */
  readonly shouldRetry?: (error: unknown) => boolean;
}

/** Without a deadline, a dependency that asks for a longer pause than this is not tried again. */
const longestPauseMs = 60_000;

const defaults = { baseMs: 50, maxMs: 1_000, jitter: 'full' } as const;

/** Decides whether and when a failed attempt is followed by another. */
export class Retry {
  retries = 0;
  /** Retries that the budget did not allow. */
  denied = 0;
  readonly #clock: FullClock;
  readonly #hooks: Hooks;
  readonly #attempts: number;
  readonly #backoff: Required<BackoffOptions>;
  readonly #budget: RetryBudget;
  readonly #shouldRetry: (error: unknown) => boolean;

  constructor(options: RetryOptions, clock: FullClock, hooks: Hooks) {
    this.#clock = clock;
    this.#hooks = hooks;
    this.#attempts = options.attempts ?? 3;
    this.#backoff = withDefaults<Required<BackoffOptions>>(defaults, options.backoff ?? {});
    this.#budget = options.budget ?? createRetryBudget();
    this.#shouldRetry = options.shouldRetry ?? (() => true);
    positiveInteger('retry.attempts', this.#attempts);
    duration('retry.backoff.baseMs', this.#backoff.baseMs, 0);
    duration('retry.backoff.maxMs', this.#backoff.maxMs, 0);
    oneOf('retry.backoff.jitter', this.#backoff.jitter, ['full', 'decorrelated', 'none']);
    callable('retry.budget.spend', this.#budget.spend);
    callable('retry.shouldRetry', this.#shouldRetry);
  }

  succeeded(): void {
    this.#budget.succeeded();
  }

  /** Whether to try again, after the pause that it notes in the execution. */
  mayRetry(error: unknown, execution: Execution): boolean {
    const { attempts, maxAttempts } = execution;
    const mayCall = attempts < Math.min(this.#attempts, maxAttempts);
    if (!mayCall || isRefusal(error) || !this.#isWorthRetrying(error)) return false;
    execution.pauseMs = this.#pauseMs(error, attempts, execution.pauseMs);
    if (execution.pauseMs > longestPause(execution) || !this.#afford(error)) return false;
    this.retries += 1;
    return true;
  }

  #isWorthRetrying(error: unknown): boolean {
    return this.#hooks.decide('retry.shouldRetry', false, () => this.#shouldRetry(error));
  }

  /** The backoff, unless the dependency asked for more. */
  #pauseMs(error: unknown, retry: number, previousMs: number): number {
    // The error is anybody's: looking for a header in it can throw as well.
    const look = () => retryAfterMs(error, this.#clock.wall()) ?? 0;
    const askedMs = this.#hooks.run('Retry-After', 0, look);
    return Math.max(askedMs, backoffMs(this.#backoff, retry, previousMs));
  }

  #afford(error: unknown): boolean {
    const timedOut = (error as { code?: unknown } | null)?.code === 'ERR_BREAKER_CALL_TIMEOUT';
    if (this.#budget.spend(timedOut)) return true;
    this.denied += 1;
    return false;
  }
}

function longestPause(execution: Execution): number {
  const remainingMs = execution.remainingMs();
  return Number.isFinite(remainingMs) ? remainingMs : longestPauseMs;
}
