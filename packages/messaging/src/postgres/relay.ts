import { announce, type Component } from '../announce.ts';
import { checkCount, checkKnown, checkMs } from '../check.ts';
import { type Clock, settledWithin, systemClock } from '../clock.ts';
import type { CloseOptions } from '../close-options.ts';
import { driverOf } from '../drivers.ts';
import type { Messaging } from '../messaging.ts';
import { type ClientPool, checkTable } from './client.ts';
import { PooledConnectionError } from './errors.ts';
import { HeldTopics } from './held-topics.ts';
import type { OutboxFigures } from './outbox-table.ts';
import { RelaySession } from './relay-session.ts';
import { noFigures, type RelayParts, RelayTerm } from './relay-term.ts';

/** What `relay` takes. */
export interface RelayOptions {
  /**
   * node-postgres' `Pool`, with direct connections to the database. The relay takes one client out of it and
   * keeps it, for its lock and to hear of new rows; in the end that connection is closed.
   */
  readonly pool: ClientPool;
  /** Whose driver sends. Close the relay before it. */
  readonly messaging: Messaging;
  /** The outbox, perhaps with its schema. Default `outbox`. */
  readonly table?: string;
  /** How many rows go at once. Default 500. */
  readonly batchSize?: number;
  /** How often the outbox is looked at when nobody tells of new rows, and how soon another relay takes over, in ms. Default 1,000. */
  readonly pollMs?: number;
  /** For tests. Default: the system's. */
  readonly clock?: Clock;
}

/** What a relay does and sees. The figures of the table are of the relay that leads, every 5 s; elsewhere 0. */
export interface RelayStats extends OutboxFigures {
  /** Whether this relay is the one that sends: one of all that have the same table. */
  readonly isLeader: boolean;
  /** Rows that are in the log and no longer in the outbox, since the start. */
  readonly sent: number;
  /** Batches of which not all was sent, since the start. */
  readonly failedBatches: number;
  /** Connections that were lost or could not be had, since the start. */
  readonly connectionFailures: number;
  /** Topics whose rows wait because one could not be sent. */
  readonly heldTopics: number;
}

/** How a relay does. `degraded`: rows wait longer than they should, nothing is lost. */
export interface RelayHealth {
  readonly status: 'up' | 'starting' | 'degraded' | 'down';
  /** What is wrong, in words. */
  readonly reasons: readonly string[];
}

/** Sends what is in an outbox. */
export interface Relay extends AsyncDisposable {
  /**
   * Begins. Does not wait for a database that is away: the relay goes on trying, and `health` tells.
   *
   * @throws PooledConnectionError
   */
  start(): Promise<void>;
  health(): RelayHealth;
  stats(): RelayStats;
  /** Sends no further batch, and gives the connection back; what is not sent by then stays in the outbox. Rejects nothing but a bad `timeoutMs`. */
  close(options?: CloseOptions): Promise<void>;
}

/** Between two tries to get a connection: doubled, up to the second figure, in ms. */
const RECONNECT_MS = { first: 100, longest: 5_000 };
/** How long it may take to delete what was sent when `close` ran out of time, in ms. */
const CLOSE_GRACE_MS = 1_000;

/**
 * Sends the rows of an outbox to Kafka, each at least once and those of a key in their order. Run one in every
 * process: one of them leads, and another takes over within `pollMs` after its connection ends. That of a
 * process which is stopped, or cut off, is ended by the database after 5 s of silence; a statement that is
 * still at work there has 30 s to end. A relay that was stopped for longer sends no further row when it goes
 * on. What its connections to Kafka still carry then are rows that its successor sends too, in the same order
 * and with the same `x-message-id`.
 *
 * @throws TypeError or RangeError that names the option and its value
 */
export function relay(options: RelayOptions): Relay {
  return new PostgresRelay(options);
}

class PostgresRelay implements Relay {
  readonly #pool: ClientPool;
  readonly #parts: RelayParts;
  readonly #component: Component;
  readonly #leaveRegistry: () => void;
  readonly #counts = { sent: 0, failedBatches: 0, connectionFailures: 0 };
  readonly #stopping = new AbortController();
  #term: RelayTerm | undefined;
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Why there is no connection now. */
  #trouble: unknown;

  constructor(options: RelayOptions) {
    checkKnown('relay', options, ['pool', 'messaging', 'table', 'batchSize', 'pollMs', 'clock']);
    const { pool, messaging, table = 'outbox', batchSize = 500, pollMs = 1_000 } = options;
    if (typeof pool?.connect !== 'function') throw new TypeError('pool must have connect()');
    checkCount('batchSize', batchSize);
    checkMs('pollMs', pollMs, 1);
    checkTable('table', table);
    const clock = options.clock ?? systemClock;
    const [driver, held] = [driverOf(messaging), new HeldTopics(clock)];
    this.#pool = pool;
    this.#parts = { driver, table, batchSize, pollMs, clock, held, counts: this.#counts };
    this.#component = { kind: 'relay', name: table, stats: () => this.stats() };
    this.#leaveRegistry = announce(this.#component);
  }

  async start(): Promise<void> {
    if (this.#running) return;
    const first = Promise.withResolvers<void>();
    this.#running = this.#run(first);
    await first.promise;
  }

  health(): RelayHealth {
    if (this.#closing) return { status: 'down', reasons: ['it is closed'] };
    if (!this.#running) return { status: 'starting', reasons: ['it is not started'] };
    const reasons = this.#parts.held.reasons();
    if (this.#stopping.signal.aborted) return { status: 'down', reasons: [String(this.#trouble)] };
    if (!this.#term) reasons.push(`no connection to the database: ${String(this.#trouble)}`);
    return { status: reasons.length > 0 ? 'degraded' : 'up', reasons };
  }

  stats(): RelayStats {
    return {
      ...this.#counts,
      ...(this.#term?.figures ?? noFigures),
      isLeader: this.#term?.isLeader ?? false,
      heldTopics: this.#parts.held.size,
    };
  }

  close({ timeoutMs = 10_000 }: CloseOptions = {}): Promise<void> {
    checkMs('timeoutMs', timeoutMs, 0);
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    const { clock } = this.#parts;
    this.#stopping.abort();
    this.#term?.wake();
    const running = this.#running ?? Promise.resolve();
    await settledWithin(clock, timeoutMs, running);
    await this.#term?.stopSending();
    await settledWithin(clock, CLOSE_GRACE_MS, running);
    this.#term?.end(new Error('the relay was closed'));
    this.#leaveRegistry();
  }

  /** One connection after the other, until `close`. @param first settles when the first was tried */
  async #run(first: PromiseWithResolvers<void>): Promise<void> {
    const { table, clock } = this.#parts;
    let waitMs = RECONNECT_MS.first;
    while (!this.#stopping.signal.aborted) {
      try {
        const session = await RelaySession.open(this.#pool, table, clock);
        waitMs = RECONNECT_MS.first;
        this.#term = new RelayTerm(session, this.#parts);
        first.resolve();
        await this.#term.run(this.#stopping.signal);
      } catch (error) {
        this.#counts.connectionFailures += 1;
        this.#trouble = error;
        if (error instanceof PooledConnectionError) this.#refuse(error, first);
      }
      this.#term = undefined;
      first.resolve();
      await this.#pause(waitMs);
      waitMs = Math.min(2 * waitMs, RECONNECT_MS.longest);
    }
  }

  /** No repetition helps: the program is to be changed. */
  #refuse(error: PooledConnectionError, first: PromiseWithResolvers<void>): void {
    this.#stopping.abort();
    first.reject(error);
  }

  /** Ends early when the relay is closed. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    const stopped = Promise.withResolvers<void>();
    const stop = () => stopped.resolve();
    signal.addEventListener('abort', stop, { once: true });
    await settledWithin(this.#parts.clock, ms, stopped.promise);
    signal.removeEventListener('abort', stop);
  }
}
