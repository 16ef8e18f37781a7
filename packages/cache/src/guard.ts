import type { Ticker } from './clock.ts';
import { within } from './deadline.ts';
import { TierTimeoutError } from './errors.ts';
import type { Tier } from './tier.ts';
import { withinSpan } from './tracing.ts';

/** What `run` resolves with when the tier did not do it. */
export const AWAY: unique symbol = Symbol('away');

type State =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly untilMs: number }
  | { readonly kind: 'probing' };

/** What an operation does; nobody waits for one that is done `aside`. */
type Kind = 'read' | 'write' | 'aside';

/** How long the tier is left alone after a failure. */
const OPEN_FOR_MS = 1000;

/**
 * Keeps a slow, dead or absent tier from costing the callers anything: a deadline around every
 * operation, and after one that failed nothing reaches the tier until a probe went well. The probe
 * runs beside the callers, so that none of them pays for it.
 */
export class Guard {
  /** Operations that failed or took too long. */
  failures = 0;
  /** Operations that were not tried, as the tier was away. */
  skipped = 0;
  readonly #tier: Tier;
  readonly #ticker: Ticker;
  #state: State = { kind: 'closed' };

  constructor(tier: Tier, ticker: Ticker) {
    this.#tier = tier;
    this.#ticker = ticker;
  }

  /** Whether an operation would be tried. When it is time for a probe, asking starts it. */
  isAway(): boolean {
    if (!this.#tier.isReady()) return true;
    if (this.#state.kind === 'open' && this.#ticker.read() >= this.#state.untilMs)
      void this.#probe();
    return this.#state.kind !== 'closed';
  }

  /** Never rejects. A read that fails opens the breaker; another one only when it took too long (Redis that is full refuses writes and answers reads). */
  async run<T>(kind: Kind, operation: () => Promise<T>): Promise<T | typeof AWAY> {
    if (this.isAway()) {
      this.skipped += 1;
      return AWAY;
    }
    try {
      return await this.#traced(kind, () => this.#inTime(operation()));
    } catch (error) {
      this.failures += 1;
      if (kind === 'read' || error instanceof TierTimeoutError) this.#open();
      return AWAY;
    }
  }

  #traced<T>(kind: Kind, operation: () => Promise<T>): Promise<T> {
    if (kind === 'aside') return operation();
    const { name } = this.#tier;
    return withinSpan(`${name} ${kind}`, { 'cache.tier': name }, operation);
  }

  async #probe(): Promise<void> {
    this.#state = { kind: 'probing' };
    try {
      await this.#inTime(this.#tier.read(['probe']));
      this.#state = { kind: 'closed' };
    } catch {
      this.#open();
    }
  }

  #open(): void {
    this.#state = { kind: 'open', untilMs: this.#ticker.read() + OPEN_FOR_MS };
  }

  #inTime<T>(operation: Promise<T>): Promise<T> {
    const { timeoutMs, name } = this.#tier;
    return within(operation, timeoutMs, () => new TierTimeoutError(name, timeoutMs));
  }
}
