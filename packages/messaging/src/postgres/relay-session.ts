import { createHash } from 'node:crypto';
import { type Clock, settledWithin } from '../clock.ts';
import type { ClientPool, PooledClient, Queryable } from './client.ts';
import { PooledConnectionError } from './errors.ts';
import type { Lead } from './fence.ts';
import { outboxChannel } from './outbox.ts';

/** The database ends a session that is silent for longer, and so frees its lock, in ms. */
const SILENCE_MS = 5_000;
/** How long a session is silent while all is well, in ms. */
const BEAT_MS = 1_000;
/** A statement that takes longer is given up with its connection, in ms. */
const STATEMENT_TIMEOUT_MS = 30_000;

/**
 * One connection to the database, on which a relay waits, or leads. Its lock lasts as long as its session, so
 * a process that is stopped, or cut off, must not keep that: the database ends a session that says nothing
 * (`idle_session_timeout`) or takes nothing (`tcp_user_timeout`, on Linux), and a beat says something in time.
 */
export class RelaySession implements Queryable, Lead {
  readonly #client: PooledClient;
  readonly #clock: Clock;
  readonly #table: string;
  readonly #lost = new AbortController();
  #wake = Promise.withResolvers<void>();
  #isLeader = false;
  /** When the last statement that was answered left us: its session was there then, at the earliest. */
  #askedMs = Number.NEGATIVE_INFINITY;
  #beating: Promise<void> | undefined;
  #callOffBeat: () => void = () => undefined;

  /** @throws PooledConnectionError; what the database says */
  static async open(pool: ClientPool, table: string, clock: Clock): Promise<RelaySession> {
    const session = new RelaySession(await pool.connect(), table, clock);
    try {
      await session.#checkDirect();
      await session.query(`set idle_session_timeout = ${SILENCE_MS};
        set tcp_user_timeout = ${SILENCE_MS};
        set statement_timeout = ${STATEMENT_TIMEOUT_MS};
        listen ${outboxChannel(table)}`);
      return session;
    } catch (error) {
      session.end(error);
      throw error;
    }
  }

  private constructor(client: PooledClient, table: string, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#table = table;
    client.on('error', this.#onError);
    client.on('notification', this.#onNotification);
  }

  get isLeader(): boolean {
    return this.#isLeader;
  }

  /** The database counts from when it has answered, which is after we asked. */
  get leadsUntilMs(): number {
    return this.#isLeader ? this.#askedMs + SILENCE_MS : Number.NEGATIVE_INFINITY;
  }

  /** Aborted when the session is over, and with it the leadership. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** One statement after the other: node-postgres is to queue none. */
  async query(text: string, values: unknown[] = []): ReturnType<Queryable['query']> {
    await this.#beating;
    return this.#ask(text, values, STATEMENT_TIMEOUT_MS);
  }

  /** Whether this relay leads from now on; one does, for as long as its session lives. */
  async tryLead(): Promise<boolean> {
    if (this.#isLeader) return true;
    const { rows } = await this.query('select pg_try_advisory_lock($1::bigint) as is_leader', [
      lockKey(this.#table),
    ]);
    this.#isLeader = rows[0]?.['is_leader'] === true;
    return this.#isLeader;
  }

  /** Asks the database once more, unless it has just answered: a slow statement says little when it is over. */
  async confirmLead(): Promise<void> {
    if (this.leadsUntilMs - this.#clock.now() < SILENCE_MS / 2) await this.query('select 1');
  }

  /** Waits until somebody writes into the outbox, but no longer than that. */
  async idle(ms: number): Promise<void> {
    await settledWithin(this.#clock, ms, this.#wake.promise);
    this.#wake = Promise.withResolvers();
  }

  wake(): void {
    this.#wake.resolve();
  }

  /** Ends the connection, and so the lock: nobody else gets it out of the pool, with our settings. */
  end(reason: unknown): void {
    if (this.lost.aborted) return;
    const error = reason instanceof Error ? reason : new Error(String(reason));
    this.#isLeader = false;
    this.#callOffBeat();
    this.#lost.abort(error);
    this.wake();
    // It may still say why it ends: nobody else would listen to its errors.
    this.#client.removeListener('notification', this.#onNotification);
    this.#client.release(error);
  }

  async #ask(text: string, values: unknown[], limitMs: number): ReturnType<Queryable['query']> {
    this.lost.throwIfAborted();
    this.#callOffBeat();
    const nowMs = this.#clock.now();
    const late = this.#clock.after(limitMs, () =>
      this.end(new Error(`the database did not answer for ${limitMs} ms`)),
    );
    const gone = Promise.withResolvers<never>();
    const onLost = () => gone.reject(this.lost.reason);
    this.lost.addEventListener('abort', onLost, { once: true });
    try {
      const answer = await Promise.race([this.#client.query(text, values), gone.promise]);
      this.#askedMs = nowMs;
      return answer;
    } finally {
      late();
      this.lost.removeEventListener('abort', onLost);
      this.#beatLater();
    }
  }

  #beatLater(): void {
    if (this.lost.aborted) return;
    this.#callOffBeat = this.#clock.after(BEAT_MS, () => {
      this.#beating = this.#beat();
    });
  }

  /** Rejects nothing. */
  async #beat(): Promise<void> {
    await this.#ask('select 1', [], SILENCE_MS).catch((error: unknown) => this.end(error));
    this.#beating = undefined;
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
  readonly #onError = (error: Error): void => this.end(error);
}

/** Each table has a lock of its own. */
function lockKey(table: string): string {
  return createHash('sha256')
    .update(`@shopgpt/messaging relay ${table}`)
    .digest()
    .readBigInt64BE()
    .toString();
}
