import type { BusListener } from '../tier.ts';
import type { RedisClient } from './client.ts';
import type { RedisSubscriber } from './hub.ts';

/** Where Redis tells a connection that speaks RESP2 what another one tracks. */
export const INVALIDATED = '__redis__:invalidate';

/** A connection as its server knows it. */
export interface Peer {
  readonly id: number;
  /** Of the server: ids of two servers say nothing about each other. */
  readonly server: string;
}

const trackers = new WeakMap<RedisClient, { tracker: Tracker; subscriber: RedisSubscriber }>();

/** One tracker for each client: Redis lets a connection track for one other. @throws TypeError */
export function trackerOf(client: RedisClient, subscriber: RedisSubscriber): Tracker {
  const known = trackers.get(client) ?? { tracker: new Tracker(client), subscriber };
  if (known.subscriber !== subscriber)
    throw new TypeError('client already tracks for another subscriber: give both caches the same');
  trackers.set(client, known);
  return known.tracker;
}

/**
 * Makes Redis tell the subscriber of every change of certain keys, whoever has made it, except
 * those that `client` itself has made.
 */
export class Tracker {
  readonly client: RedisClient;
  readonly #listeners = new Map<BusListener, string>();
  readonly #keyPrefix: string;
  #registered: Peer | undefined;

  constructor(client: RedisClient) {
    this.client = client;
    this.#keyPrefix = client.options?.keyPrefix ?? '';
    client.on('close', () => {
      this.#registered = undefined;
    });
  }

  get isUsed(): boolean {
    return this.#listeners.size > 0;
  }

  /** @param prefix what the keys begin with of which the listener is to know */
  add(prefix: string, listener: BusListener): void {
    this.#listeners.set(listener, this.#keyPrefix + prefix);
    this.#registered = undefined;
  }

  remove(listener: BusListener): void {
    this.#listeners.delete(listener);
    if (this.isUsed || !this.#registered) return;
    this.#registered = undefined;
    if (this.client.status === 'ready') this.#tracking('OFF').catch(() => undefined);
  }

  /** Rejects unless Redis tells `peer` of all changes from now on. */
  async register(peer: Peer): Promise<void> {
    if (this.#registered === peer) return;
    // A command now would wait, and be sent when everything may have changed.
    if (!['ready', 'wait'].includes(this.client.status)) throw new Error('the client is away');
    const prefixes = withoutCovered(this.#listeners.values());
    const server = serverOf(await this.client.info('server'));
    if (server !== peer.server) throw new Error('client and subscriber are on two servers');
    // What a connection tracks can only be added to, and Redis refuses beginnings that overlap.
    await Promise.all([
      this.#tracking('OFF'),
      this.#tracking(
        ...['ON', 'REDIRECT', `${peer.id}`, 'BCAST', 'NOLOOP'],
        ...prefixes.flatMap((prefix) => ['PREFIX', prefix]),
      ),
    ]);
    this.#registered = peer;
  }

  /** Rejects when Redis no longer tells the subscriber. */
  async check(): Promise<void> {
    if (!this.isUsed) return;
    const id = this.#registered?.id;
    if (id === undefined) throw new Error('nothing is tracked');
    const told = Number(await this.client.client('GETREDIR'));
    if (told === id) return;
    this.#registered = undefined;
    throw new Error('something else is tracked');
  }

  /** @param payload the names of keys, or null for all */
  hear(payload: unknown): void {
    const names = Array.isArray(payload) ? payload.map(String) : undefined;
    for (const [listener, prefix] of this.#listeners) {
      const own = names?.filter((name) => name.startsWith(prefix));
      if (own?.length === 0) continue;
      listener.touched(own?.map((name) => name.slice(this.#keyPrefix.length)));
    }
  }

  #tracking(...args: readonly string[]): Promise<unknown> {
    return this.client.client('TRACKING', ...args);
  }
}

/** Which life of which server answered to INFO. */
export function serverOf(info: string): string {
  const [, id] = /^run_id:(\w+)/m.exec(info) ?? [];
  if (id === undefined) throw new Error('the server does not say who it is');
  return id;
}

/** Without those that begin with another one of them. */
export function withoutCovered(prefixes: Iterable<string>): string[] {
  const kept: string[] = [];
  // What begins with a text comes right after it.
  for (const prefix of [...prefixes].sort()) {
    const last = kept.at(-1);
    if (last === undefined || !prefix.startsWith(last)) kept.push(prefix);
  }
  return kept;
}
