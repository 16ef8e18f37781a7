import express, { type RequestHandler } from 'express';
import { ProblemError } from './problem.ts';

/** The largest body that is read. */
const maxBodyBytes = 16 * 1024;

const parse = express.json({
  limit: maxBodyBytes,
  inflate: false, // a small body must not become a large one
  strict: false, // `5` is JSON; that it is no user is for the schema to say
  type: () => true, // judged below
});

/** Reads a JSON body of one of the given media types; refuses what it can before reading. */
export function jsonBody(...mediaTypes: readonly string[]): RequestHandler {
  return (request, response, next) => {
    const length = request.headers['content-length'];
    const type = request.is([...mediaTypes]);
    if (type === null || length === '0') return next(); // no body at all, which the schema will say
    if (Number(length ?? 0) > maxBodyBytes) throw tooLarge();
    if (type === false) throw unsupported(request.headers['content-type'], mediaTypes);
    const waits = request.headers.expect !== undefined && request.httpVersion === '1.1';
    if (waits) response.writeContinue();
    parse(request, response, next);
  };
}

export function tooLarge(): ProblemError {
  return new ProblemError({
    status: 413,
    kind: 'body-too-large',
    title: 'Body too large',
    detail: `the body must have at most ${maxBodyBytes} bytes`,
  });
}

function unsupported(got: string | undefined, mediaTypes: readonly string[]): ProblemError {
  const wanted = mediaTypes.join(' or ');
  return new ProblemError({
    status: 415,
    kind: 'unsupported-media-type',
    title: 'Unsupported media type',
    detail: `the body must be ${wanted}, got ${got ? JSON.stringify(got.slice(0, 100)) : 'none'}`,
    headers: { accept: mediaTypes.join(', ') },
  });
}
