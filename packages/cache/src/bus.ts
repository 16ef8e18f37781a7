import { randomUUID } from 'node:crypto';
import type { TierBus } from './tier.ts';

/** What happens to L1 when messages of other processes may be missed. */
export type OnBusLoss = 'revalidate' | { readonly serveForMs: number };

/** Who must know what other processes have changed. */
export interface Audience {
  changed(keys: readonly string[]): void;
  /** The ttl of their values is over. */
  expired(keys: readonly string[]): void;
  /** What L2 holds under these names may have changed. */
  touched(names: readonly string[]): void;
  /** Whether anything is kept for the key, or on its way. */
  holds(key: string): boolean;
  /** A tag has another id from now on. */
  renewed(tag: string): void;
  /** Anything may have changed. */
  distrust(): void;
  /** Invalidations of this process that waited are known to all now. */
  invalidated(tags: readonly string[]): void;
}

/** What is heard besides by those who wait for other processes. */
export interface Hearer extends Audience {
  /** Nobody need wait for these any more: names in L2. */
  freed(names: readonly string[]): void;
}

/** Raised when a message says something that an older version would get wrong. */
const VERSION = 1;

interface Message {
  readonly version: number;
  /** The cache that sent it. */
  readonly origin: string;
  readonly keys: readonly string[];
  /** Set when their values are only past their ttl. Who does not know of it forgets them, which is right too. */
  readonly isExpiry?: boolean;
  /** Tags that were invalidated, with their new ids. */
  readonly tags: readonly (readonly [tag: string, id: string])[];
  /** Names in L2 of which somebody waits for the lease, which has ended. */
  readonly freed?: readonly string[];
}

/** Tells the caches of other processes which keys have changed, and hears it from them. */
export class Bus {
  /** Times when messages began to be missed. */
  losses = 0;
  /** Whether messages are heard now. */
  isUp = false;
  readonly #bus: TierBus;
  readonly #channel: string;
  readonly #onLoss: OnBusLoss;
  readonly #audience: Hearer;
  readonly #origin = randomUUID();
  readonly #unsubscribe: () => void;
  #serving: NodeJS.Timeout | undefined;

  constructor(bus: TierBus, channel: string, onLoss: OnBusLoss, audience: Hearer) {
    this.#bus = bus;
    this.#channel = channel;
    this.#onLoss = onLoss;
    this.#audience = audience;
    this.#unsubscribe = bus.subscribe(channel, {
      message: (text) => this.#hear(text),
      up: () => this.#up(),
      down: () => this.#down(),
      touched: (names) => (names ? audience.touched(names) : audience.distrust()),
    });
  }

  /** @param after the change itself */
  announce(keys: readonly string[], after: Promise<unknown>): Promise<void> {
    return this.#send({ keys, tags: [] }, after);
  }

  /** @param after the change itself */
  announceExpiry(keys: readonly string[], after: Promise<unknown>): Promise<void> {
    return this.#send({ keys, tags: [], isExpiry: true }, after);
  }

  /** @param after the change itself */
  announceTag(tag: string, id: string, after: Promise<unknown>): Promise<void> {
    return this.#send({ keys: [], tags: [[tag, id]] }, after);
  }

  /** Somebody waits for the lease on this name, which has ended. */
  announceFreed(name: string): Promise<void> {
    return this.#send({ keys: [], tags: [], freed: [name] }, Promise.resolve());
  }

  close(): void {
    clearTimeout(this.#serving);
    this.#unsubscribe();
  }

  #send(news: Omit<Message, 'version' | 'origin'>, after: Promise<unknown>): Promise<void> {
    const message: Message = { version: VERSION, origin: this.#origin, ...news };
    return this.#bus.publish(this.#channel, JSON.stringify(message), after);
  }

  #hear(text: string): void {
    const message = parse(text);
    // What cannot be understood may concern any key.
    if (!message) this.#audience.distrust();
    else if (message.origin !== this.#origin) {
      if (message.freed) this.#audience.freed(message.freed);
      if (message.isExpiry) this.#audience.expired(message.keys);
      else this.#audience.changed(message.keys);
      for (const [tag] of message.tags) this.#audience.renewed(tag);
    }
  }

  #up(): void {
    clearTimeout(this.#serving);
    this.isUp = true;
    // What was stored while nothing was heard may be as old as what was stored before.
    this.#audience.distrust();
  }

  #down(): void {
    this.losses += 1;
    this.isUp = false;
    if (this.#onLoss === 'revalidate') this.#audience.distrust();
    else this.#distrustLater(this.#onLoss.serveForMs);
  }

  #distrustLater(ms: number): void {
    clearTimeout(this.#serving);
    this.#serving = setTimeout(() => this.#audience.distrust(), ms).unref();
  }
}

function parse(text: string): Message | undefined {
  try {
    const message: Message = JSON.parse(text);
    const isOurs =
      message.version === VERSION && Array.isArray(message.keys) && Array.isArray(message.tags);
    return isOurs ? message : undefined;
  } catch {
    return undefined;
  }
}
