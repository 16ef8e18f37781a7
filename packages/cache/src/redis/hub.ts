import { within } from '../deadline.ts';
import type { BusListener } from '../tier.ts';
import { INVALIDATED, type Peer, serverOf, type Tracker } from './tracker.ts';

/** What we need of a client that listens: the `Redis` of ioredis has it. */
export interface RedisSubscriber {
  /** `ready` when a command can be sent at once. */
  readonly status: string;
  readonly isCluster?: boolean;
  readonly options?: { readonly protocol?: number | undefined };
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(...channels: string[]): Promise<unknown>;
  ping(): Promise<unknown>;
  client(...args: string[]): Promise<unknown>;
  info(section: string): Promise<string>;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  on(event: 'messageBuffer', listener: (channel: Buffer, message: unknown) => void): unknown;
  on(event: 'ready' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** How often the connections are asked whether they live, and how long they may take to answer. */
const HEARTBEAT_MS = 1000;

const hubs = new WeakMap<RedisSubscriber, Hub>();

/** One hub for each subscriber, however many caches share it. */
export function hubOf(subscriber: RedisSubscriber): Hub {
  const hub = hubs.get(subscriber) ?? new Hub(subscriber);
  hubs.set(subscriber, hub);
  return hub;
}

/** Knows when everything that is published, or tracked, is heard, and when it is not. */
export class Hub {
  readonly #subscriber: RedisSubscriber;
  readonly #listeners = new Map<string, Set<BusListener>>();
  readonly #trackers = new Set<Tracker>();
  /** Counts connections, so that what was asked on an older one says nothing about this one. */
  #connection = 0;
  /** The subscriber on this connection, once it was asked. */
  #peer: Peer | undefined;
  #isUp = false;
  /** Grows with every reason to connect anew. */
  #wanted = 0;
  #isConnecting = false;
  #isAsking = false;
  #heart: NodeJS.Timeout | undefined;

  constructor(subscriber: RedisSubscriber) {
    this.#subscriber = subscriber;
    subscriber.on('error', () => undefined);
    subscriber.on('ready', () => void this.#connect());
    subscriber.on('close', () => this.#lose());
    subscriber.on('message', (channel, text) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener.message(text);
    });
  }

  /** @param tracker tells the listener what is touched */
  add(channel: string, listener: BusListener, tracker?: Tracker): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    this.#heart ??= setInterval(() => void this.#beat(), HEARTBEAT_MS).unref();
    if (tracker) this.#track(tracker);
    tracker?.add(channel, listener);
    if (this.#isUp && !tracker) void this.#admit(channel, listener);
    else void this.#connect();
    return () => {
      tracker?.remove(listener);
      this.#remove(channel, listener);
    };
  }

  #track(tracker: Tracker): void {
    if (this.#trackers.has(tracker)) return;
    if (this.#trackers.size === 0) {
      this.#subscriber.on('messageBuffer', (channel, payload) => {
        if (String(channel) !== INVALIDATED) return;
        for (const each of this.#trackers) each.hear(payload);
      });
    }
    this.#trackers.add(tracker);
    tracker.client.on('ready', () => void this.#connect());
    tracker.client.on('close', () => {
      this.#connection += 1;
      this.#fall();
    });
  }

  #remove(channel: string, listener: BusListener): void {
    const listeners = this.#listeners.get(channel);
    if (!listeners?.delete(listener) || listeners.size > 0) return;
    this.#listeners.delete(channel);
    if (this.#subscriber.status === 'ready') {
      this.#subscriber.unsubscribe(channel).catch(() => undefined);
    }
    if (this.#listeners.size > 0) return;
    clearInterval(this.#heart);
    this.#heart = undefined;
  }

  /** One more listens while the others hear everything. */
  async #admit(channel: string, listener: BusListener): Promise<void> {
    const connection = this.#connection;
    const isHeard = await this.#subscriber.subscribe(channel).then(
      () => connection === this.#connection,
      () => false,
    );
    if (isHeard) listener.up();
  }

  /** One attempt after the other: each changes what both connections do. */
  async #connect(): Promise<void> {
    this.#wanted += 1;
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    for (let wanted = 0; wanted !== this.#wanted; ) {
      wanted = this.#wanted;
      const isHeard = await this.#listen().then(
        () => true,
        () => false,
      );
      if (wanted !== this.#wanted) continue;
      if (!isHeard) this.#fall();
      // Also to those who heard all until now: while another one came, they may not have.
      else this.#rise();
    }
    this.#isConnecting = false;
  }

  /** Subscribes to everything, also to what the client may have subscribed to again by itself. */
  async #listen(): Promise<void> {
    const connection = this.#connection;
    const trackers = [...this.#trackers].filter((tracker) => tracker.isUsed);
    const peer = trackers.length > 0 ? await this.#identify() : undefined;
    const channels = [...this.#listeners.keys(), ...(peer ? [INVALIDATED] : [])];
    await Promise.all(channels.map((channel) => this.#subscriber.subscribe(channel)));
    if (peer) await Promise.all(trackers.map((tracker) => tracker.register(peer)));
    if (connection !== this.#connection) throw new Error('the connection was lost');
  }

  /** In RESP2 a connection can be asked only while it has subscribed to nothing. */
  async #identify(): Promise<Peer> {
    if (this.#peer) return this.#peer;
    const connection = this.#connection;
    this.#fall();
    await this.#subscriber.unsubscribe();
    const [id, info] = await Promise.all([
      this.#subscriber.client('ID'),
      this.#subscriber.info('server'),
    ]);
    if (connection !== this.#connection) throw new Error('the connection was lost');
    this.#peer = { id: Number(id), server: serverOf(info) };
    return this.#peer;
  }

  /** A connection into a black hole is not closed for minutes: only silence tells. */
  async #beat(): Promise<void> {
    if (this.#isAsking || this.#subscriber.status !== 'ready') return;
    if (!this.#isUp) return this.#connect();
    this.#isAsking = true;
    const connection = this.#connection;
    const checks = [...this.#trackers].map((tracker) => tracker.check());
    const pong = Promise.all([this.#subscriber.ping(), ...checks]);
    try {
      await within(pong, HEARTBEAT_MS, () => new Error('no heartbeat')).catch(() => this.#fall());
      await pong;
      // What was held up has come before the answer.
      if (connection === this.#connection && !this.#isUp) this.#rise();
    } catch {
      this.#fall();
    } finally {
      this.#isAsking = false;
    }
  }

  #lose(): void {
    this.#connection += 1;
    this.#peer = undefined;
    this.#fall();
  }

  #rise(): void {
    this.#isUp = true;
    this.#tell('up');
  }

  #fall(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#tell('down');
  }

  #tell(what: 'up' | 'down'): void {
    for (const listeners of this.#listeners.values()) {
      for (const listener of listeners) listener[what]();
    }
  }
}
