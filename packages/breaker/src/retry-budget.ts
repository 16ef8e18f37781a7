import { nonNegative, withDefaults } from './check.ts';

/** The settings of a retry budget; each has a default. */
export interface RetryBudgetOptions {
  /** How many tokens it holds at most, and at first. Default 500. */
  readonly tokens?: number;
  /** What a retry costs. Default 5. */
  readonly retryCost?: number;
  /** What a retry after a timeout costs. Default 10. */
  readonly timeoutCost?: number;
  /** What a success brings back. Default 1. */
  readonly successGain?: number;
}

const defaults: Required<RetryBudgetOptions> = {
  tokens: 500,
  retryCost: 5,
  timeoutCost: 10,
  successGain: 1,
};

/**
 * Creates a budget for the retries of one dependency; share it between all policies that call it.
 * Retries are for hiccups: when most calls fail, it runs dry and retries stop, so that they do not
 * multiply the load of a dependency in trouble. The token bucket and its numbers are those of the
 * AWS SDKs.
 *
 * @throws RangeError for a bad option, naming it
 */
export function createRetryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  return new RetryBudget(options);
}

export class RetryBudget {
  readonly #options: Required<RetryBudgetOptions>;
  #tokens: number;

  constructor(options: RetryBudgetOptions) {
    this.#options = withDefaults(defaults, options);
    for (const [field, value] of Object.entries(this.#options)) nonNegative(field, value);
    this.#tokens = this.#options.tokens;
  }

  /** What is left, now. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Takes the price of a retry, or answers false when there is not enough left. */
  spend(afterTimeout: boolean): boolean {
    const price = afterTimeout ? this.#options.timeoutCost : this.#options.retryCost;
    if (price > this.#tokens) return false;
    this.#tokens -= price;
    return true;
  }

  succeeded(): void {
    this.#tokens = Math.min(this.#options.tokens, this.#tokens + this.#options.successGain);
  }
}
