import { BreakerOpenError, HalfOpenBusyError } from '@shopgpt/breaker';
import { describe, expect, test } from 'vitest';
import {
  DatabaseBusyError,
  DatabaseUnavailableError,
  OutcomeUnknownError,
} from '../database/errors.ts';
import { EmailTakenError } from '../users/errors.ts';
import { ProblemError } from './problem.ts';
import { problemOf } from './problem-of.ts';

describe('what is not to be had now becomes a 503 that says when to come back', () => {
  test.each([
    [new DatabaseUnavailableError('away'), 'unavailable', '1'],
    [new DatabaseBusyError(200), 'unavailable', '1'],
    [new BreakerOpenError('user-database', 2_100), 'unavailable', '3'],
    [new HalfOpenBusyError('user-database'), 'unavailable', '1'],
    [new OutcomeUnknownError('lost'), 'outcome-unknown', '1'],
  ])('%s', (error, kind, retryAfter) => {
    expect(problemOf(error)).toMatchObject({
      status: 503,
      kind,
      headers: { 'retry-after': retryAfter },
    });
  });
});

test('only an unknown outcome leaves open whether something was changed', () => {
  expect(problemOf(new DatabaseUnavailableError('away')).detail).toContain('nothing was changed');
  expect(problemOf(new OutcomeUnknownError('lost')).detail).toContain('may have been made, or not');
});

test('an error that nobody expected tells its text to the log only', () => {
  for (const error of [new Error('secret'), 'secret', undefined, { status: 400 }]) {
    const problem = problemOf(error);
    expect(problem).toMatchObject({ status: 500, kind: 'internal' });
    expect(JSON.stringify(problem)).not.toContain('secret');
  }
});

test('a problem stays what it is', () => {
  const problem = { status: 418, kind: 'teapot', title: 'Teapot', detail: 'short and stout' };
  expect(problemOf(new ProblemError(problem))).toBe(problem);
});

test('a 4xx of Express keeps its status, a 5xx of it is an unexpected error', () => {
  const teapot = Object.assign(new Error('short'), { status: 418 });
  expect(problemOf(teapot)).toMatchObject({ status: 418, detail: 'short' });
  expect(problemOf(Object.assign(new Error('x'), { status: 502 }))).toMatchObject({ status: 500 });
});

test('malformed JSON is not quoted, as it may hold a secret', () => {
  const parse = Object.assign(new Error('Unexpected token } in "geheim" is not valid JSON'), {
    status: 400,
    type: 'entity.parse.failed',
  });
  expect(problemOf(parse).detail).toBe('the body is not valid JSON: it goes wrong near its end');
});

test('a taken address leads to its owner, if there still is one', () => {
  expect(problemOf(new EmailTakenError('a@b.example', 'id'))).toMatchObject({
    status: 409,
    members: { user: '/users/id' },
  });
  expect(problemOf(new EmailTakenError('a@b.example', undefined)).members).toBeUndefined();
});
