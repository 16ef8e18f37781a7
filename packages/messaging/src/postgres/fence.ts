import type { Clock } from '../clock.ts';

/** Who knows how long a relay surely leads. */
export interface Lead {
  /** In ms of the clock; it moves with every answer of the database. */
  readonly leadsUntilMs: number;
}

/**
 * Until when the rows of a batch may be sent: as long as the relay surely leads, and no longer than a batch
 * may take. A process that was stopped and goes on hears the answers that wait in its sockets before any of
 * its timers runs, so no timer can keep the next rows back: whoever takes some asks the clock.
 */
export class Fence {
  readonly #clock: Clock;
  readonly #lead: Lead;
  readonly #endMs: number;

  /** @param limitMs how long the batch may take */
  constructor(clock: Clock, lead: Lead, limitMs: number) {
    this.#clock = clock;
    this.#lead = lead;
    this.#endMs = clock.now() + limitMs;
  }

  get untilMs(): number {
    return Math.min(this.#endMs, this.#lead.leadsUntilMs);
  }

  get isShut(): boolean {
    return this.#clock.now() >= this.untilMs;
  }
}
