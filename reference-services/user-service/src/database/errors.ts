import pg from 'pg';
import { DeadlineError } from '../deadline.ts';

/** The codes of everything that goes wrong between this service and its database. */
export type DatabaseErrorCode =
  | 'ERR_DATABASE_UNAVAILABLE'
  | 'ERR_DATABASE_BUSY'
  | 'ERR_DATABASE_OUTCOME_UNKNOWN';

/** The database did not do it: it is away, too slow, refuses us or has no schema yet. Nothing was written. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
  readonly code = 'ERR_DATABASE_UNAVAILABLE' satisfies DatabaseErrorCode;
}

/** Too many callers wait for a connection already: refused at once, nothing was sent. */
export class DatabaseBusyError extends Error {
  override readonly name = 'DatabaseBusyError';
  readonly code = 'ERR_DATABASE_BUSY' satisfies DatabaseErrorCode;
  readonly waiting: number;

  constructor(waiting: number) {
    super(`${waiting} callers already wait for a database connection`);
    this.waiting = waiting;
  }
}

/** A write was sent and no answer came: it may have been carried out, or not. */
export class OutcomeUnknownError extends Error {
  override readonly name = 'OutcomeUnknownError';
  readonly code = 'ERR_DATABASE_OUTCOME_UNKNOWN' satisfies DatabaseErrorCode;
}

// SQLSTATE classes and codes that speak of the server's state and not of our statement; in each of them the
// statement was rolled back. Appendix A of PostgreSQL's manual has the list.
const serverState = [
  /^08/, // connection
  /^40/, // rolled back: serialization, deadlock
  /^53/, // out of resources, too many connections
  /^57/, // cancelled by statement_timeout, shut down, starting up
  /^58/, // system error
  /^25006$/, // read-only: a standby, during a fail-over
  /^55P03$/, // lock not available
];

// A server that is told to stop may cut the connection after its commit and before its answer.
const cutConnection = /^(08|57P0[1245])/;

/** Which error a caller gets for one that a statement ended with, after it was sent. */
export function statementError(error: unknown, kind: 'read' | 'write'): unknown {
  if (isFromServer(error) && !isServerState(error)) return error;
  const certain = kind === 'read' || (isFromServer(error) && !cutConnection.test(error.code ?? ''));
  if (certain) return new DatabaseUnavailableError('the database did not answer', { cause: error });
  return new OutcomeUnknownError('the database was lost before it confirmed the change', {
    cause: error,
  });
}

/** Whether the connection is as good as before: the server itself refused one statement and goes on. */
export function leavesConnectionUsable(error: unknown): boolean {
  return isFromServer(error) && error.severity === 'ERROR';
}

// What node-postgres says of a connection that could not be made or was lost, having no code for it.
const lostConnection = /^(Connection terminated|timeout expired)/;
const systemError = /^E(?!RR_)[A-Z_]+$/; // ECONNREFUSED, ENOTFOUND, EAI_AGAIN ...

/**
 * Whether a failed preparation is worth another try: the database is away or busy. Everything else stays as it is,
 * such as wrong credentials, a missing database, a file that was edited.
 */
export function isTemporary(error: unknown): boolean {
  if (isFromServer(error)) return isServerState(error);
  if (error instanceof DeadlineError) return true;
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return systemError.test(code) || lostConnection.test(error.message);
}

function isServerState({ code = '' }: pg.DatabaseError): boolean {
  return serverState.some((pattern) => pattern.test(code));
}

function isFromServer(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError;
}
