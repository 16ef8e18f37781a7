import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cache } from '../cache.ts';
import type { LoadContext } from '../load.ts';
import { type SendOptions, type SentEntry, sendEntry } from './send-entry.ts';
import { wantsReload } from './upstream.ts';

/** What `cached` takes. */
export interface CachedOptions<V, Request extends IncomingMessage>
  extends Omit<SendOptions<Request>, 'name' | 'key' | 'forwarded'> {
  /** The key of the value: all of the request that makes a difference to it. */
  readonly key: (request: Request) => string;
  /**
   * Loads the value when the cache does not have it. What it gives is given to everyone who asks for
   * the key. `undefined`: there is none, the next handler answers.
   */
  readonly load: (request: Request, context: LoadContext<V>) => Answer<V>;
  /**
   * Whether this client gets the value loaded anew if it asks for that, as a browser's reload does
   * (`wantsReload`). Default: nobody does, as any client could make work for your database.
   */
  readonly mayReload?: (request: Request) => boolean;
  /** Tags of the value. Default none. */
  readonly tags?: (request: Request) => readonly string[];
}

/** What a loader gives, now or later. */
type Answer<V> = V | undefined | PromiseLike<V | undefined>;

/** A handler of Express, of connect, or of `http.createServer` with a `next` of your own. */
export type CachedHandler<Request extends IncomingMessage> = (
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Makes a handler that answers GET and HEAD from a cache, as `sendEntry` does; other methods go on to
 * the next handler. So do errors, without a header that would let anybody keep them. What was loaded
 * but not stored, as it was deleted or invalidated meanwhile, is sent and kept by nobody.
 */
export function cached<V, Request extends IncomingMessage = IncomingMessage>(
  cache: Cache<V>,
  options: CachedOptions<V, Request>,
): CachedHandler<Request> {
  return (request, response, next) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') next();
    else answer(cache, options, request, response).then((isAnswered) => isAnswered || next(), next);
  };
}

async function answer<V, Request extends IncomingMessage>(
  cache: Cache<V>,
  options: CachedOptions<V, Request>,
  request: Request,
  response: ServerResponse,
): Promise<boolean> {
  const key = options.key(request);
  const left = new AbortController();
  response.once('close', () => left.abort());
  let forwarded: 'miss' | 'stale' | undefined;
  const load = async (context: LoadContext<V>) => {
    const value = await options.load(request, context);
    forwarded = context.previous ? 'stale' : 'miss';
    return value;
  };
  const fresh = wantsReload(request.headers) && options.mayReload?.(request) === true;
  const waiting = { tags: options.tags?.(request) ?? [], signal: left.signal, fresh };
  const value = await cache.getOrSet(key, load, waiting).catch((error: unknown) => {
    // Nobody is there any more to be told.
    if (left.signal.aborted) return undefined;
    throw error;
  });
  if (left.signal.aborted) return true;
  if (value === undefined) return false;
  const entry = cache.entry(key);
  const isStored = entry !== undefined && Object.is(entry.value, value);
  const { isPublic = false, ...others } = options;
  const sent: SentEntry = isStored ? entry : { ...unstored, value };
  const how = { ...others, isPublic: isStored && isPublic, name: cache.name, forwarded };
  sendEntry(request, response, sent, { ...how, key: undefined });
  return true;
}

const unstored = { ageMs: 0, ttlMs: 0, tags: [], tier: 'loader' };
