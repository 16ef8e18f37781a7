import type { Clock } from '../clock.ts';
import type { Driver } from '../driver.ts';
import type { HeldTopics } from './held-topics.ts';
import {
  figuresOf,
  nextRows,
  type OutboxFigures,
  type OutboxRow,
  removeRows,
} from './outbox-table.ts';
import { RelaySender } from './relay-sender.ts';
import type { RelaySession } from './relay-session.ts';

/** How soon rows are looked at again that wait for an open transaction, in ms. */
const FENCE_POLL_MS = 20;
const FIGURES_EVERY_MS = 5_000;

export const noFigures: OutboxFigures = { backlog: 0, oldestMs: 0, oldestTransactionMs: 0 };

/** What a relay works with, and keeps from one connection to the next. */
export interface RelayParts {
  readonly driver: Driver;
  readonly table: string;
  readonly batchSize: number;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly held: HeldTopics;
  readonly counts: { sent: number; failedBatches: number };
}

/** What a relay does in one session: it waits for the lead, and then it leads. */
export class RelayTerm {
  readonly #parts: RelayParts;
  readonly #session: RelaySession;
  readonly #sender: RelaySender;
  #figures = noFigures;
  #figuresAtMs = Number.NEGATIVE_INFINITY;

  constructor(session: RelaySession, parts: RelayParts) {
    this.#session = session;
    this.#parts = parts;
    this.#sender = new RelaySender(parts.driver, parts.clock);
    // Another relay leads soon, or already: what goes out from now on would come twice.
    session.lost.addEventListener('abort', () => void this.stopSending(), { once: true });
  }

  get isLeader(): boolean {
    return this.#session.isLeader;
  }

  get figures(): OutboxFigures {
    return this.isLeader ? this.#figures : noFigures;
  }

  /** Until it is to stop: then it finishes its batch. @throws when the session is lost */
  async run(stopping: AbortSignal): Promise<void> {
    try {
      while (!stopping.aborted) {
        const waitMs = (await this.#session.tryLead()) ? await this.#lead() : this.#parts.pollMs;
        if (waitMs > 0 && !stopping.aborted) await this.#session.idle(waitMs);
        this.#session.lost.throwIfAborted();
      }
      this.end(new Error('the relay was closed'));
    } catch (error) {
      this.end(error);
      throw error;
    }
  }

  wake(): void {
    this.#session.wake();
  }

  /** What is in the log by now can still be deleted. */
  stopSending(): Promise<void> {
    return this.#sender.end();
  }

  end(reason: unknown): void {
    this.#session.end(reason);
  }

  /** Sends one batch. @returns how long to wait before the next, in ms */
  async #lead(): Promise<number> {
    const { table, batchSize, pollMs, held } = this.#parts;
    await this.#measure();
    const found = await nextRows(this.#session, table, batchSize, held.topics());
    if (found.rows.length > 0) {
      await this.#send(found.rows);
      return 0;
    }
    if (!found.isFenced) held.forgetOver();
    return Math.min(pollMs, found.isFenced ? FENCE_POLL_MS : held.soonestMs());
  }

  async #send(rows: readonly OutboxRow[]): Promise<void> {
    const { table, held, counts } = this.#parts;
    await this.#session.confirmLead();
    const { sent, failures } = await this.#sender.send(rows, this.#session);
    if (failures.size > 0) counts.failedBatches += 1;
    for (const { topic } of sent) held.release(topic);
    for (const [topic, error] of failures) held.hold(topic, error);
    await removeRows(this.#session, table, sent);
    counts.sent += sent.length;
  }

  async #measure(): Promise<void> {
    const { clock, table } = this.#parts;
    if (clock.now() - this.#figuresAtMs < FIGURES_EVERY_MS) return;
    this.#figuresAtMs = clock.now();
    this.#figures = await figuresOf(this.#session, table);
  }
}
