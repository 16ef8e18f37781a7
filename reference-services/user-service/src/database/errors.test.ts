import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { DeadlineError } from '../deadline.ts';
import {
  DatabaseUnavailableError,
  isTemporary,
  leavesConnectionUsable,
  OutcomeUnknownError,
  statementError,
} from './errors.ts';
import { MigrationError } from './migrations.ts';

function fromServer(code: string, severity = 'ERROR'): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError(`state ${code}`, 0, 'error'), { code, severity });
}

const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
const lost = new Error('Connection terminated unexpectedly');
const late = new DeadlineError(100);

describe('a statement that failed', () => {
  test.each([
    // what went wrong, of a read, of a write
    ['the connection was lost', lost, DatabaseUnavailableError, OutcomeUnknownError],
    ['nothing came in time', late, DatabaseUnavailableError, OutcomeUnknownError],
    ['the server shut down', fromServer('57P01'), DatabaseUnavailableError, OutcomeUnknownError],
    ['the server crashed', fromServer('57P02'), DatabaseUnavailableError, OutcomeUnknownError],
    [
      'the server cancelled it',
      fromServer('57014'),
      DatabaseUnavailableError,
      DatabaseUnavailableError,
    ],
    ['the server is full', fromServer('53300'), DatabaseUnavailableError, DatabaseUnavailableError],
    [
      'the server is starting',
      fromServer('57P03'),
      DatabaseUnavailableError,
      DatabaseUnavailableError,
    ],
    [
      'the server is a standby',
      fromServer('25006'),
      DatabaseUnavailableError,
      DatabaseUnavailableError,
    ],
    ['it lost a deadlock', fromServer('40P01'), DatabaseUnavailableError, DatabaseUnavailableError],
  ])('as %s: what a reader and what a writer is told', (_, cause, ofRead, ofWrite) => {
    const read = statementError(cause, 'read');
    const write = statementError(cause, 'write');
    expect(read).toBeInstanceOf(ofRead);
    expect(write).toBeInstanceOf(ofWrite);
    expect(write).toMatchObject({ cause });
  });

  test('as the server refuses it goes through unchanged', () => {
    const error = fromServer('23505');
    expect(statementError(error, 'write')).toBe(error);
  });
});

test('a connection is used again only after an ordinary error of the server', () => {
  expect(leavesConnectionUsable(fromServer('23505'))).toBe(true);
  expect(leavesConnectionUsable(fromServer('57P01', 'FATAL'))).toBe(false);
  expect(leavesConnectionUsable(lost)).toBe(false);
  expect(leavesConnectionUsable(late)).toBe(false);
});

test.each([
  ['nobody listens', refused, true],
  ['the name is not known yet', Object.assign(new Error(), { code: 'EAI_AGAIN' }), true],
  ['the connection is lost', lost, true],
  ['the server does not answer', new Error('timeout expired'), true],
  ['a statement hangs', late, true],
  ['the server is starting', fromServer('57P03'), true],
  ['somebody else migrates', fromServer('55P03'), true],
  ['the password is wrong', fromServer('28P01', 'FATAL'), false],
  ['the database does not exist', fromServer('3D000', 'FATAL'), false],
  ['we may not create a table', fromServer('42501'), false],
  ['a file has a mistake', fromServer('42601'), false],
  ['a file was edited', new MigrationError('edited'), false],
  ['the certificate is wrong', Object.assign(new Error(), { code: 'ERR_TLS_CERT' }), false],
  ['something else is thrown', 'text', false],
])('when %s, another try is worth it: %#', (_, error, isWorthIt) => {
  expect(isTemporary(error)).toBe(isWorthIt);
});
