import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type CacheHeaderOptions,
  cacheHeaders,
  type EntryFacts,
  noStore,
} from './cache-headers.ts';
import { isNotModified } from './etag.ts';

/** An entry of the cache, with its value. */
export interface SentEntry extends EntryFacts {
  readonly value: unknown;
}

/** What `sendEntry` allows others to do with the response. */
export interface SendOptions<Request extends IncomingMessage = IncomingMessage>
  extends Omit<CacheHeaderOptions, 'isPublic'> {
  /**
   * Whether shared caches may keep it. `true`: unless the request has `Authorization`, or the response
   * sets a cookie. A function decides alone, whatever the request and the response carry. Default false.
   */
  readonly isPublic?: boolean | ((request: Request) => boolean);
}

/**
 * Answers a GET or HEAD with the value of an entry and its headers, or with 304 when the client has it.
 *
 * A string or bytes go out as they are, with the `Content-Type` that the response has already; any
 * other value as JSON. An entry without `etag` gets one from its body. Other headers stay, `Vary` too.
 * A response with another status than 200 is sent whole, and nobody may keep it.
 *
 * @throws TypeError when the value has no JSON; RangeError for a bad option: nothing is sent then
 */
export function sendEntry<Request extends IncomingMessage>(
  request: Request,
  response: ServerResponse,
  entry: SentEntry,
  options: SendOptions<Request> = {},
): void {
  const isOk = response.statusCode === 200;
  const isKnown = (etag: string) => isOk && isNotModified(request.headers, etag);
  // Who has it needs no body, and a large one takes long to make.
  const needsNone = entry.etag !== undefined && isKnown(entry.etag);
  const content = needsNone ? undefined : contentOf(entry.value);
  const etag = entry.etag ?? hashOf(content?.body ?? '');
  const isPublic = isOk && mayBeKept(request, response, options.isPublic);
  const headers = cacheHeaders({ ...entry, etag }, { ...options, isPublic });
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (isPublic && typeof options.isPublic !== 'function') watchForCookies(response);
  if (content && !isKnown(etag)) sendContent(response, content);
  else sendNotModified(response);
}

interface Content {
  readonly body: string | Uint8Array;
  readonly type: string;
}

function sendContent(response: ServerResponse, { body, type }: Content): void {
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  // Node sends no body in answer to HEAD.
  response.end(body);
}

function sendNotModified(response: ServerResponse): void {
  response.statusCode = 304;
  for (const name of ['Content-Type', 'Content-Encoding']) response.removeHeader(name);
  response.end();
}

function contentOf(value: unknown): Content {
  if (typeof value === 'string') return { body: value, type: 'text/plain; charset=utf-8' };
  if (value instanceof Uint8Array) return { body: value, type: 'application/octet-stream' };
  const body: string | undefined = JSON.stringify(value);
  if (body === undefined) throw new TypeError(`a ${typeof value} has no JSON`);
  return { body, type: 'application/json; charset=utf-8' };
}

function hashOf(body: string | Uint8Array): string {
  return createHash('sha256').update(body).digest('base64url').slice(0, 27);
}

function mayBeKept<Request extends IncomingMessage>(
  request: Request,
  response: ServerResponse,
  isPublic: SendOptions<Request>['isPublic'],
): boolean {
  if (typeof isPublic === 'function') return isPublic(request);
  const isPersonal = request.headers.authorization !== undefined;
  return isPublic === true && !isPersonal && !response.hasHeader('Set-Cookie');
}

/** Sessions set their cookie when the headers are about to go out: nobody may keep the response then. */
function watchForCookies(response: ServerResponse): void {
  const setHeader = response.setHeader.bind(response);
  response.setHeader = (name, value) => {
    if (name.toLowerCase() === 'set-cookie') {
      for (const kept of ['Age', 'Surrogate-Key', 'Cache-Tag']) response.removeHeader(kept);
      for (const [own, no] of Object.entries(noStore)) setHeader(own, no);
    }
    return setHeader(name, value);
  };
}
