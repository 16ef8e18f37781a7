import { DatabaseUnavailableError, OutcomeUnknownError } from '../database/errors.ts';
import { EmailTakenError, UserNotFoundError, VersionMismatchError } from '../users/errors.ts';
import { tooLarge } from './body.ts';
import { type Problem, ProblemError } from './problem.ts';
import { fieldError } from './validation.ts';

/** What every error becomes: the one place where the words of the service are turned into those of HTTP. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  return ofUsers(error) ?? ofDependency(error) ?? ofExpress(error) ?? internal;
}

const internal: Problem = {
  status: 500,
  kind: 'internal',
  title: 'Internal error',
  detail: 'something went wrong that should not have; the log has it under this instance',
  log: 'error',
};

function ofUsers(error: unknown): Problem | undefined {
  if (error instanceof UserNotFoundError) {
    return { status: 404, kind: 'user-not-found', title: 'No such user', detail: error.message };
  }
  if (error instanceof EmailTakenError) {
    const { message: detail, email, ownerId } = error;
    return {
      status: 409,
      kind: 'email-taken',
      title: 'E-mail address taken',
      detail,
      errors: [fieldError('email', 'belongs to another user', email)],
      ...(ownerId && { members: { user: `/users/${ownerId}` } }),
    };
  }
  if (error instanceof VersionMismatchError) {
    return {
      status: 412,
      kind: 'changed-meanwhile',
      title: 'Changed meanwhile',
      detail: error.message,
      headers: { etag: `"${error.version}"` },
    };
  }
  return undefined;
}

function ofDependency(error: unknown): Problem | undefined {
  if (error instanceof OutcomeUnknownError) {
    return {
      status: 503,
      kind: 'outcome-unknown',
      title: 'Outcome unknown',
      detail:
        'the database was lost before it confirmed the change: it may have been made, or not; ' +
        'repeating the request is safe and tells',
      headers: { 'retry-after': '1' },
      log: 'warn',
    };
  }
  const afterMs = retryAfterMs(error);
  if (afterMs === undefined) return undefined;
  return {
    status: 503,
    kind: 'unavailable',
    title: 'Unavailable',
    detail: 'the database does not answer at the moment; nothing was changed',
    headers: { 'retry-after': String(Math.max(1, Math.ceil(afterMs / 1_000))) },
    // The breaker sees to it that the former are few; of its refusals there may be very many.
    log: error instanceof DatabaseUnavailableError ? 'warn' : 'debug',
  };
}

/** When to try again, for errors that say: not now. */
function retryAfterMs(error: unknown): number | undefined {
  if (error instanceof DatabaseUnavailableError) return 0;
  if (!(error instanceof Error && 'code' in error)) return undefined;
  if (error.code === 'ERR_DATABASE_BUSY') return 0;
  if (!String(error.code).startsWith('ERR_BREAKER_')) return undefined;
  return 'retryAfterMs' in error ? Number(error.retryAfterMs) : 0;
}

/** What Express and its parsers throw: errors with a `status`, and mostly a `type`. */
function ofExpress(error: unknown): Problem | undefined {
  if (!(error instanceof Error && 'status' in error)) return undefined;
  const type = 'type' in error ? error.type : undefined;
  if (type === 'entity.too.large') return tooLarge().problem;
  if (type === 'entity.parse.failed') return malformedJson(error.message);
  if (error.status === 415) {
    return {
      status: 415,
      kind: 'unsupported-media-type',
      title: 'Unsupported media type',
      detail: `the body must be UTF-8 and not compressed: ${error.message}`,
    };
  }
  if (typeof error.status !== 'number' || error.status < 400 || error.status > 499)
    return undefined;
  return { status: error.status, kind: 'bad-request', title: 'Bad request', detail: error.message };
}

// The parser's own message quotes the body, which may hold a secret; where it stopped is enough.
function malformedJson(message: string): Problem {
  const position = /at position \d+/.exec(message)?.[0] ?? 'near its end';
  return {
    status: 400,
    kind: 'malformed-json',
    title: 'Malformed JSON',
    detail: `the body is not valid JSON: it goes wrong ${position}`,
  };
}
