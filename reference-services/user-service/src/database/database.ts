import pg from 'pg';
import { within } from '../deadline.ts';
import {
  DatabaseBusyError,
  DatabaseUnavailableError,
  leavesConnectionUsable,
  statementError,
} from './errors.ts';

export interface DatabaseOptions {
  readonly url: string;
  /** One call takes no longer, waiting for a connection included, whatever the server does. */
  readonly timeoutMs: number;
  readonly maxOpenConnections: number;
  /** Idle connections beyond this number are closed after ten seconds. */
  readonly maxIdleConnections: number;
  readonly connectionMaxLifetimeMs: number;
}

/** One statement: text with `$1`, `$2` ... and its values, which never become part of the text. */
export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** A `write` that got no answer has an unknown outcome; a `read` merely failed. */
  readonly kind: 'read' | 'write';
}

/** A transaction under way. Statements come one after the other, and no longer than the whole may take. */
export interface Transaction {
  query<Row extends pg.QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
}

interface DatabaseStats {
  readonly open: number;
  readonly idle: number;
  readonly waiting: number;
}

export interface Database {
  /**
   * Runs one statement in a transaction of its own.
   *
   * @throws DatabaseUnavailableError, DatabaseBusyError: nothing was written
   * @throws OutcomeUnknownError only for a write
   * @throws pg.DatabaseError when the server refuses the statement itself
   */
  query<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]>;
  /**
   * Runs what `work` says in one transaction, and commits it when `work` is done. Until then nothing is written: only
   * a commit without an answer has an unknown outcome.
   *
   * @throws as `query` of a write; what `work` throws, after which nothing was written
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** From now on statements are let through: the schema is in place. */
  open(): void;
  stats(): DatabaseStats;
  /** Waits for statements under way, at most as long as one may take; rejects when it takes longer. */
  close(): Promise<void>;
}

/** Runs one statement on a connection that is lent. */
type Run = <Row extends pg.QueryResultRow>(
  kind: Statement['kind'],
  text: string,
  values?: unknown[],
) => Promise<pg.QueryResult<Row>>;

// How one call's time is shared out. The server gives up on a statement before we do, so that a slow write ends
// with a clear refusal and not with an unknown outcome.
const connectShare = 0.35;
const statementShare = 0.5;
const waitersPerConnection = 20;

/** A pool whose every call is bounded in time, and whose queue is bounded in length. */
export function createDatabase(options: DatabaseOptions): Database {
  const pool = createPool(options);
  let isOpen = false;

  async function connect(): Promise<pg.PoolClient> {
    if (!isOpen) throw new DatabaseUnavailableError('the database is not prepared yet');
    if (pool.waitingCount >= options.maxOpenConnections * waitersPerConnection) {
      throw new DatabaseBusyError(pool.waitingCount);
    }
    try {
      return await pool.connect();
    } catch (cause) {
      throw new DatabaseUnavailableError('no connection to the database', { cause });
    }
  }

  /** Lends a connection for what must be over before the time of one call is. */
  async function lend<T>(work: (run: Run, isBroken: () => boolean) => Promise<T>): Promise<T> {
    const endsAtMs = performance.now() + options.timeoutMs;
    const client = await connect();
    let isBroken = false;
    const run: Run = async (kind, text, values = []) => {
      try {
        return await within(client.query(text, values), endsAtMs - performance.now());
      } catch (error) {
        isBroken ||= !leavesConnectionUsable(error);
        throw statementError(error, kind);
      }
    };
    try {
      return await work(run, () => isBroken);
    } finally {
      // Released with `true` it is destroyed: an abandoned statement must not meet the next caller.
      client.release(isBroken);
    }
  }

  function query<Row extends pg.QueryResultRow>(statement: Statement): Promise<Row[]> {
    const { kind, text, values = [] } = statement;
    return lend(async (run) => (await run<Row>(kind, text, [...values])).rows);
  }

  function transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return lend(async (run, isBroken) => {
      try {
        await run('read', 'BEGIN');
        // A statement that failed wrote nothing, whatever it was to do: it was not committed.
        const result = await work({ query: (text, values) => run('read', text, values) });
        const { command } = await run('write', 'COMMIT');
        if (command !== 'COMMIT') throw new Error('a statement had failed: it was rolled back');
        return result;
      } catch (error) {
        // A connection that is broken is destroyed, and its transaction with it.
        if (!isBroken()) await run('read', 'ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  return {
    query,
    transaction,
    open: () => {
      isOpen = true;
    },
    stats: () => ({ open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => within(pool.end(), options.timeoutMs),
  };
}

function createPool(options: DatabaseOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: 'user-service',
    max: options.maxOpenConnections,
    min: options.maxIdleConnections,
    // Replicas that were started together must not renew their connections together.
    maxLifetimeSeconds: (options.connectionMaxLifetimeMs * (0.9 + 0.2 * Math.random())) / 1_000,
    // For a new connection as well as for a place in the queue.
    connectionTimeoutMillis: Math.ceil(options.timeoutMs * connectShare),
    statement_timeout: Math.ceil(options.timeoutMs * statementShare),
    // Of a process that froze, or was cut off, in the middle of one: its locks must not outlive its request.
    idle_in_transaction_session_timeout: Math.ceil(options.timeoutMs),
    keepAlive: true,
  });
  // A connection that dies fails the statement it carries; idle, it is simply gone.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
