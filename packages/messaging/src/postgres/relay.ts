import { announce, type Component } from '../announce.ts';
import { checkCount, checkKnown, checkMs } from '../check.ts';
import { type Clock, settledWithin, systemClock } from '../clock.ts';
import type { CloseOptions } from '../close-options.ts';
import type { Driver } from '../driver.ts';
import { driverOf } from '../drivers.ts';
import type { Messaging } from '../messaging.ts';
import { type ClientPool, checkTable } from './client.ts';
import { PooledConnectionError } from './errors.ts';
import { HeldTopics } from './held-topics.ts';
import {
  figuresOf,
  nextRows,
  type OutboxFigures,
  type OutboxRow,
  removeRows,
} from './outbox-table.ts';
import { RelaySender } from './relay-sender.ts';
import { RelaySession } from './relay-session.ts';

/** What `relay` takes. */
export interface RelayOptions {
  /**
   * node-postgres' `Pool`, with direct connections to the database. The relay takes one client out of it and
   * keeps it, for its lock and to hear of new rows.
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
/** How soon rows are looked at again that wait for an open transaction, in ms. */
const FENCE_POLL_MS = 20;
const FIGURES_EVERY_MS = 5_000;
const CLOSE_GRACE_MS = 1_000;

/**
 * Sends the rows of an outbox to Kafka, each at least once and those of a key in their order. Run one in every
 * process: one of them leads, another takes over when its connection ends.
 *
 * @throws TypeError or RangeError that names the option and its value
 */
export function relay(options: RelayOptions): Relay {
  return new PostgresRelay(options);
}

class PostgresRelay implements Relay {
  readonly #pool: ClientPool;
  readonly #driver: Driver;
  readonly #table: string;
  readonly #batchSize: number;
  readonly #pollMs: number;
  readonly #clock: Clock;
  readonly #held: HeldTopics;
  readonly #component: Component;
  readonly #leaveRegistry: () => void;
  readonly #counts = { sent: 0, failedBatches: 0, connectionFailures: 0 };
  readonly #stopping = new AbortController();
  #figures: OutboxFigures = noFigures;
  #figuresAtMs = Number.NEGATIVE_INFINITY;
  #session: RelaySession | undefined;
  #sender: RelaySender | undefined;
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
    this.#driver = driverOf(messaging);
    this.#pool = pool;
    this.#table = checkTable('table', table);
    this.#batchSize = batchSize;
    this.#pollMs = pollMs;
    this.#clock = options.clock ?? systemClock;
    this.#held = new HeldTopics(this.#clock);
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
    const reasons = this.#held.reasons();
    if (this.#stopping.signal.aborted) return { status: 'down', reasons: [String(this.#trouble)] };
    if (!this.#session) reasons.push(`no connection to the database: ${String(this.#trouble)}`);
    return { status: reasons.length > 0 ? 'degraded' : 'up', reasons };
  }

  stats(): RelayStats {
    return {
      ...this.#counts,
      ...this.#figures,
      isLeader: this.#session?.isLeader ?? false,
      heldTopics: this.#held.size,
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
    this.#stopping.abort();
    this.#session?.wake();
    const running = this.#running ?? Promise.resolve();
    await settledWithin(this.#clock, timeoutMs, running);
    await this.#sender?.end();
    await settledWithin(this.#clock, CLOSE_GRACE_MS, running);
    this.#session?.abandon(new Error('the relay was closed'));
    this.#leaveRegistry();
  }

  /** One connection after the other, until `close`. @param first settles when the first was tried */
  async #run(first: PromiseWithResolvers<void>): Promise<void> {
    let waitMs = RECONNECT_MS.first;
    while (!this.#stopping.signal.aborted) {
      try {
        this.#session = await RelaySession.open(this.#pool, this.#table, this.#clock);
        waitMs = RECONNECT_MS.first;
        first.resolve();
        await this.#work(this.#session);
      } catch (error) {
        this.#counts.connectionFailures += 1;
        this.#trouble = error;
        if (error instanceof PooledConnectionError) this.#refuse(error, first);
      }
      this.#session = undefined;
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

  /** Waits for the lead, and leads, until `close`. @throws when the connection is lost */
  async #work(session: RelaySession): Promise<void> {
    try {
      while (!this.#stopping.signal.aborted) {
        const waitMs = (await session.tryLead()) ? await this.#lead(session) : this.#pollMs;
        if (waitMs > 0 && !this.#stopping.signal.aborted) await session.idle(waitMs);
        session.lost.throwIfAborted();
      }
      await this.#endSender();
      await session.close();
    } catch (error) {
      session.abandon(error);
      throw error;
    } finally {
      await this.#endSender();
      this.#figures = noFigures;
    }
  }

  /** Sends one batch. @returns how long to wait before the next, in ms */
  async #lead(session: RelaySession): Promise<number> {
    await this.#measure(session);
    const held = this.#held.topics();
    const { rows, isFenced } = await nextRows(session, this.#table, this.#batchSize, held);
    if (rows.length > 0) {
      await this.#send(session, rows);
      return 0;
    }
    if (!isFenced) this.#held.forgetOver();
    return Math.min(this.#pollMs, isFenced ? FENCE_POLL_MS : this.#held.soonestMs());
  }

  async #send(session: RelaySession, rows: readonly OutboxRow[]): Promise<void> {
    this.#sender ??= new RelaySender(this.#driver, this.#clock);
    const sender = this.#sender;
    // Without the connection another relay leads already: what goes out now would come twice.
    const end = () => void sender.end();
    session.lost.addEventListener('abort', end, { once: true });
    const { sent, failures } = await sender.send(rows);
    session.lost.removeEventListener('abort', end);
    if (failures.size > 0) this.#counts.failedBatches += 1;
    for (const { topic } of sent) this.#held.release(topic);
    for (const [topic, error] of failures) this.#held.hold(topic, error);
    await removeRows(session, this.#table, sent);
    this.#counts.sent += sent.length;
  }

  async #endSender(): Promise<void> {
    const sender = this.#sender;
    this.#sender = undefined;
    await sender?.end();
  }

  async #measure(session: RelaySession): Promise<void> {
    if (this.#clock.now() - this.#figuresAtMs < FIGURES_EVERY_MS && this.#figures !== noFigures)
      return;
    this.#figuresAtMs = this.#clock.now();
    this.#figures = await figuresOf(session, this.#table);
  }

  /** Ends early when the relay is closed. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    const stopped = Promise.withResolvers<void>();
    const stop = () => stopped.resolve();
    signal.addEventListener('abort', stop, { once: true });
    await settledWithin(this.#clock, ms, stopped.promise);
    signal.removeEventListener('abort', stop);
  }
}

const noFigures: OutboxFigures = { backlog: 0, oldestMs: 0, oldestTransactionMs: 0 };
