import { createHash } from 'node:crypto';
import { type Clock, settledWithin } from '../clock.ts';
import type { ClientPool, PooledClient, Queryable } from './client.ts';
import { PooledConnectionError } from './errors.ts';
import { outboxChannel } from './outbox.ts';

/** A statement that takes longer is given up with its connection, in ms. */
const STATEMENT_TIMEOUT_MS = 30_000;

/** One connection to the database, on which a relay waits, or leads. */
export class RelaySession implements Queryable {
  readonly #client: PooledClient;
  readonly #clock: Clock;
  readonly #table: string;
  readonly #lost = new AbortController();
  #wake = Promise.withResolvers<void>();
  #isLeader = false;

  /** @throws PooledConnectionError; what the database says */
  static async open(pool: ClientPool, table: string, clock: Clock): Promise<RelaySession> {
    const session = new RelaySession(await pool.connect(), table, clock);
    try {
      await session.#checkDirect();
      await session.query(`listen ${outboxChannel(table)}`);
      return session;
    } catch (error) {
      session.abandon(error);
      throw error;
    }
  }

  constructor(client: PooledClient, table: string, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#table = table;
    client.on('error', this.#onError);
    client.on('notification', this.#onNotification);
  }

  get isLeader(): boolean {
    return this.#isLeader;
  }

  /** Aborted when the connection is gone, and with it the leadership. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async query(text: string, values: unknown[] = []): ReturnType<Queryable['query']> {
    this.lost.throwIfAborted();
    const late = this.#clock.after(STATEMENT_TIMEOUT_MS, () =>
      this.abandon(new Error(`the database did not answer for ${STATEMENT_TIMEOUT_MS} ms`)),
    );
    const gone = Promise.withResolvers<never>();
    const onLost = () => gone.reject(this.lost.reason);
    this.lost.addEventListener('abort', onLost, { once: true });
    try {
      return await Promise.race([this.#client.query(text, values), gone.promise]);
    } finally {
      late();
      this.lost.removeEventListener('abort', onLost);
    }
  }

  /** Whether this relay leads from now on; one does, for as long as its connection lives. */
  async tryLead(): Promise<boolean> {
    if (this.#isLeader) return true;
    const { rows } = await this.query('select pg_try_advisory_lock($1::bigint) as is_leader', [
      lockKey(this.#table),
    ]);
    this.#isLeader = rows[0]?.['is_leader'] === true;
    return this.#isLeader;
  }

  /** Waits until somebody writes into the outbox, but no longer than that. */
  async idle(ms: number): Promise<void> {
    await settledWithin(this.#clock, ms, this.#wake.promise);
    this.#wake = Promise.withResolvers();
  }

  wake(): void {
    this.#wake.resolve();
  }

  /** Gives the connection back as it was. Rejects nothing. */
  async close(): Promise<void> {
    try {
      await this.query(`unlisten ${outboxChannel(this.#table)}`);
      if (this.#isLeader) {
        await this.query('select pg_advisory_unlock($1::bigint)', [lockKey(this.#table)]);
      }
      this.#release();
    } catch (error) {
      this.abandon(error);
    }
  }

  /** Gives the connection back as one that cannot be used. */
  abandon(reason: unknown): void {
    if (this.lost.aborted) return;
    const error = reason instanceof Error ? reason : new Error(String(reason));
    this.#lost.abort(error);
    this.wake();
    this.#release(error);
  }

  #release(error?: Error): void {
    this.#isLeader = false;
    this.#client.removeListener('notification', this.#onNotification);
    // A connection that is given up may still say why: nobody else would listen.
    if (!error) this.#client.removeListener('error', this.#onError);
    this.#client.release(error);
  }

  /** A pooler in between gives every transaction another session: locks and LISTEN would mean nothing. */
  async #checkDirect(): Promise<void> {
    const { rows } = await this.query('select pg_backend_pid()::text as pid');
    const pid: unknown = Reflect.get(this.#client, 'processID');
    if (typeof pid === 'number' && String(pid) !== rows[0]?.['pid']) {
      throw new PooledConnectionError();
    }
  }

  readonly #onNotification = (): void => this.wake();
  readonly #onError = (error: Error): void => this.abandon(error);
}

/** Each table has a lock of its own. */
function lockKey(table: string): string {
  return createHash('sha256')
    .update(`@shopgpt/messaging relay ${table}`)
    .digest()
    .readBigInt64BE()
    .toString();
}
