import type { ServerResponse } from 'node:http';

/** One wrong field of a request. */
export interface FieldError {
  /** Its name, with dots for what is nested; `body` for the body as a whole. */
  readonly field: string;
  /** What was wrong with it. */
  readonly detail: string;
  /** What was sent, cut when long, `***` where it may be a secret; absent when the field was. */
  readonly value?: unknown;
}

/** An answer that says what went wrong: the members of RFC 9457 and our own. */
export interface Problem {
  readonly status: number;
  /** What kind of problem, for programs; `urn:shopgpt:problem:<kind>` on the wire. */
  readonly kind: string;
  readonly title: string;
  /** What went wrong this time, for people. */
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** More members, such as `user`. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** How loudly the log tells of it; absent: not at all, as the fault is the client's. */
  readonly log?: 'error' | 'warn' | 'debug';
}

/** A problem as an error: thrown by what speaks HTTP. Everything else throws its own errors. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code = 'ERR_HTTP_PROBLEM';
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.detail, options);
    this.problem = problem;
  }
}

export const problemMediaType = 'application/problem+json';

/** The body of a problem. `instance` names this one occurrence, in the answer and in the log. */
export function problemBody(problem: Problem, instance?: string): string {
  const { status, kind, title, detail, errors, members } = problem;
  const type = `urn:shopgpt:problem:${kind}`;
  return JSON.stringify({ type, title, status, detail, instance, errors, ...members });
}

export function sendProblem(response: ServerResponse, problem: Problem, instance?: string): void {
  const body = problemBody(problem, instance);
  response.writeHead(problem.status, {
    ...problem.headers,
    'content-type': problemMediaType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}
