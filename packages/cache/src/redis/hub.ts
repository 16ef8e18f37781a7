import { within } from '../deadline.ts';
import type { BusListener } from '../tier.ts';

/** What we need of a client that listens: the `Redis` of ioredis has it. */
export interface RedisSubscriber {
  /** `ready` when a command can be sent at once. */
  readonly status: string;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  ping(): Promise<unknown>;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  on(event: 'ready' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** How often the connection is asked whether it lives, and how long it may take to answer. */
const HEARTBEAT_MS = 1000;

const hubs = new WeakMap<RedisSubscriber, Hub>();

/** One hub for each subscriber, however many caches share it. */
export function hubOf(subscriber: RedisSubscriber): Hub {
  const hub = hubs.get(subscriber) ?? new Hub(subscriber);
  hubs.set(subscriber, hub);
  return hub;
}

/** Knows when everything that is published is heard, and when it is not. */
class Hub {
  readonly #subscriber: RedisSubscriber;
  readonly #listeners = new Map<string, Set<BusListener>>();
  /** Counts connections, so that what was asked on an older one says nothing about this one. */
  #connection = 0;
  #isUp = false;
  #isAsking = false;
  #heart: NodeJS.Timeout | undefined;

  constructor(subscriber: RedisSubscriber) {
    this.#subscriber = subscriber;
    subscriber.on('error', () => undefined);
    subscriber.on('ready', () => void this.#connect());
    subscriber.on('close', () => {
      this.#connection += 1;
      this.#fall();
    });
    subscriber.on('message', (channel, text) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener.message(text);
    });
  }

  add(channel: string, listener: BusListener): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    this.#heart ??= setInterval(() => void this.#beat(), HEARTBEAT_MS).unref();
    if (this.#isUp) void this.#admit(channel, listener);
    else void this.#connect();
    return () => this.#remove(channel, listener);
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

  /** Subscribes to everything, also to what the client may have subscribed to again by itself. */
  async #connect(): Promise<void> {
    const connection = this.#connection;
    const channels = [...this.#listeners.keys()];
    try {
      await Promise.all(channels.map((channel) => this.#subscriber.subscribe(channel)));
      if (connection === this.#connection) this.#rise();
    } catch {
      if (connection === this.#connection) this.#fall();
    }
  }

  /** A connection into a black hole is not closed for minutes: only silence tells. */
  async #beat(): Promise<void> {
    if (this.#isAsking || this.#subscriber.status !== 'ready') return;
    if (!this.#isUp) return this.#connect();
    this.#isAsking = true;
    const connection = this.#connection;
    const pong = this.#subscriber.ping();
    try {
      await within(pong, HEARTBEAT_MS, () => new Error('no heartbeat')).catch(() => this.#fall());
      await pong;
      // What was held up has come before the answer.
      if (connection === this.#connection) this.#rise();
    } catch {
      this.#fall();
    } finally {
      this.#isAsking = false;
    }
  }

  #rise(): void {
    if (this.#isUp) return;
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
