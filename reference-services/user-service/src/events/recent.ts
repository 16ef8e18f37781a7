import type { UserEvent } from '../users/events.ts';

/** The last events that came through the topic, for people to look at. */
export class RecentEvents {
  readonly #limit: number;
  readonly #events: UserEvent[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** One that comes twice, which at least once allows, is shown once. */
  add(event: UserEvent): void {
    if (this.#events.some(({ id }) => id === event.id)) return;
    this.#events.unshift(event);
    if (this.#events.length > this.#limit) this.#events.pop();
  }

  /** The newest first. */
  list(): readonly UserEvent[] {
    return [...this.#events];
  }
}
