import type { Counts } from './counts.ts';
import type { Hooks } from './events.ts';
import type { BreakerState, Verdict } from './machine.ts';
import {
  type Outcome,
  type ResolvedBreakerOptions,
  standard,
  validOpenMs,
  validVerdict,
} from './options.ts';
import type { Totals } from './stats.ts';

/** The decisions that are the user's: one that throws or means nothing gives way to the default. */
export class Rules {
  readonly #options: ResolvedBreakerOptions;
  readonly #hooks: Hooks;
  readonly #totals: Totals;

  constructor(options: ResolvedBreakerOptions, hooks: Hooks, totals: Totals) {
    this.#options = options;
    this.#hooks = hooks;
    this.#totals = totals;
  }

  readyToTrip(counts: Counts): boolean {
    const { readyToTrip } = this.#options;
    const ask = (): boolean | undefined => readyToTrip(counts);
    return this.#hooks.decide('readyToTrip', undefined, ask) ?? standard.readyToTrip(counts);
  }

  openMs(timesOpened: number): number {
    const { openMs } = this.#options;
    if (typeof openMs === 'number') return openMs;
    const ask = () => openMs(timesOpened);
    return this.#hooks.decide('openMs', standard.openMs, ask, validOpenMs);
  }

  classify(outcome: Outcome): Verdict {
    const { classify } = this.#options;
    const ask = () => classify(outcome);
    return this.#hooks.decide('classify', standard.classify(outcome), ask, validVerdict);
  }

  changed(from: BreakerState, to: BreakerState, counts: Counts): void {
    this.#totals[to] += 1;
    this.#hooks.emit('stateChange', { from, to, counts });
  }
}
