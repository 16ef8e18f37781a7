import { randomUUID } from 'node:crypto';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { Logger } from 'pino';
import { ProblemError, sendProblem } from './problem.ts';
import { problemOf } from './problem-of.ts';

/** For paths that nothing answers. */
export const noSuchRoute: RequestHandler = (request) => {
  throw new ProblemError({
    status: 404,
    kind: 'no-such-route',
    title: 'No such route',
    detail: `nothing answers at ${JSON.stringify(request.path.slice(0, 100))}; see /openapi.json`,
  });
};

/** For methods that a path does not have; `allowed` are those that it has. */
export function methodNotAllowed(...allowed: readonly string[]): RequestHandler {
  const allow = allowed.join(', ');
  return (request) => {
    throw new ProblemError({
      status: 405,
      kind: 'method-not-allowed',
      title: 'Method not allowed',
      detail: `${request.method} is not for ${request.path.slice(0, 100)}; it takes ${allow}`,
      headers: { allow },
    });
  };
}

/** The end of every request that went wrong: answered as problem+json, and logged if the fault is ours. */
export function answerProblems(log: Logger): ErrorRequestHandler {
  return (error, request, response, next) => {
    if (response.headersSent) return next(error); // too late to say anything: Express cuts the connection
    const problem = problemOf(error);
    if (!problem.log) return sendProblem(response, problem);
    const instance = `urn:uuid:${randomUUID()}`;
    const { method, path } = request;
    log[problem.log]({ err: error, method, path, instance }, problem.title);
    sendProblem(response, problem, instance);
  };
}
