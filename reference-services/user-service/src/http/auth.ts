import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { ProblemError } from './problem.ts';

const realm = 'Bearer realm="user-service"';

/** Lets a request pass that brings the API token as `Authorization: Bearer ...`, before its body is read. */
export function requireToken(apiToken: string): RequestHandler {
  const expected = digest(apiToken);
  return (request, _response, next) => {
    const header = request.headers.authorization;
    if (header === undefined) {
      throw unauthorized('this needs the API token, as "Authorization: Bearer <token>"', realm);
    }
    const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (token === undefined) {
      throw unauthorized('the Authorization header must be "Bearer <token>"', realm);
    }
    // Equal lengths and constant time: an answer's delay tells nothing about the token.
    if (!timingSafeEqual(digest(token), expected)) {
      throw unauthorized('the API token is wrong', `${realm}, error="invalid_token"`);
    }
    next();
  };
}

function unauthorized(detail: string, challenge: string): ProblemError {
  return new ProblemError({
    status: 401,
    kind: 'unauthorized',
    title: 'Unauthorized',
    detail,
    headers: { 'www-authenticate': challenge },
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
