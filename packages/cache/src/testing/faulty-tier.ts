import type { BusListener, Tier, TierBus, TierLeases } from '../tier.ts';

/** A tier that does what the one behind it does until it is told to fail. */
export interface FaultyTier extends Tier {
  /** How often each operation was called, also in vain. */
  readonly calls: Record<Operation, number>;
  /** Every operation throws at once, or only the named ones. */
  fail(...operations: Operation[]): void;
  /** No operation answers before `heal`; then those that waited are carried out in order. */
  hang(): void;
  /** Every answer comes this much later, in ms. */
  delay(ms: number): void;
  /** Says that it is not connected. */
  disconnect(): void;
  /** Messages of the bus get lost, and its listeners are told so. */
  cutBus(): void;
  /** Tells all who listen that somebody has changed these keys of the tier; without keys, that all may have been. */
  touch(...keys: string[]): void;
  /** Back to normal. */
  heal(): void;
}

/** `lease` stands for all that is done with leases. */
type Operation = (typeof operations)[number];

const operations = ['read', 'write', 'delete', 'patch', 'lease', 'publish'] as const;

/** Wraps a tier, e.g. `faultyTier(memoryTier())`. */
export function faultyTier(tier: Tier): FaultyTier {
  const calls = { read: 0, write: 0, delete: 0, patch: 0, lease: 0, publish: 0 };
  let failing: readonly Operation[] = [];
  let gate = Promise.withResolvers<void>();
  let connected = true;
  let delayMs = 0;
  gate.resolve();

  async function through<T>(operation: Operation, call: () => Promise<T>): Promise<T> {
    calls[operation] += 1;
    if (failing.includes(operation)) throw new Error(`${operation} fails on purpose`);
    await gate.promise;
    const answer = await call();
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    return answer;
  }

  const listeners = new Set<BusListener>();
  let isCut = false;
  const faultyBus = (bus: TierBus): TierBus => ({
    // As `touch` can tell what was touched.
    tracks: true,
    subscribe(channel, listener) {
      listeners.add(listener);
      const unsubscribe = bus.subscribe(channel, {
        message: (text) => isCut || listener.message(text),
        up: () => isCut || listener.up(),
        down: () => listener.down(),
        touched: (keys) => isCut || listener.touched(keys),
      });
      return () => {
        listeners.delete(listener);
        unsubscribe();
      };
    },
    publish: (...args) => through('publish', () => bus.publish(...args)),
  });

  const faultyLeases = (leases: TierLeases): TierLeases => ({
    take: (...args) => through('lease', () => leases.take(...args)),
    renew: (...args) => through('lease', () => leases.renew(...args)),
    write: (...args) => through('lease', () => leases.write(...args)),
    release: (...args) => through('lease', () => leases.release(...args)),
  });

  const patch = tier.patch?.bind(tier);

  return {
    name: tier.name,
    timeoutMs: tier.timeoutMs,
    calls,
    isReady: () => connected && tier.isReady(),
    read: (keys) => through('read', () => tier.read(keys)),
    write: (key, bytes, ttlMs) => through('write', () => tier.write(key, bytes, ttlMs)),
    delete: (keys) => through('delete', () => tier.delete(keys)),
    ...(patch && { patch: (...args) => through('patch', () => patch(...args)) }),
    ...(tier.leases && { leases: faultyLeases(tier.leases) }),
    ...(tier.bus && { bus: faultyBus(tier.bus) }),
    cutBus() {
      isCut = true;
      for (const listener of listeners) listener.down();
    },
    touch(...keys) {
      for (const listener of listeners) listener.touched(keys.length > 0 ? keys : undefined);
    },
    fail(...named) {
      failing = named.length > 0 ? named : operations;
    },
    hang() {
      gate = Promise.withResolvers();
    },
    delay(ms) {
      delayMs = ms;
    },
    disconnect() {
      connected = false;
    },
    heal() {
      failing = [];
      delayMs = 0;
      connected = true;
      gate.resolve();
      if (!isCut) return;
      isCut = false;
      for (const listener of listeners) listener.up();
    },
  };
}
