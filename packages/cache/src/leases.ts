import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AWAY, type Guard } from './guard.ts';
import type { TierLeases } from './tier.ts';

/** How often who waits for another process asks again: soon at first, then less often. */
const FIRST_PAUSE_MS = 5;
const MAX_PAUSE_MS = 100;

/** What a write under a lease came to; `away` when L2 did not say. */
export type LeasedWrite = 'stored' | 'fenced' | 'away';

/**
 * The right to load a key and to write what was loaded, as in "Scaling Memcache at Facebook"
 * (Nishtala and others, NSDI 2013): a delete takes it away, so a load that began before the delete
 * is never written after it.
 */
export class Lease {
  readonly #leases: TierLeases;
  readonly #guard: Guard;
  readonly #key: string;
  readonly #token: string;
  readonly #timer: NodeJS.Timeout;

  constructor(leases: TierLeases, guard: Guard, key: string, token: string, ms: number) {
    this.#leases = leases;
    this.#guard = guard;
    this.#key = key;
    this.#token = token;
    // A short lease that a living process renews: if the process dies, the others do not wait for long.
    const renew = () => guard.run('aside', () => leases.renew(key, token, ms));
    this.#timer = setInterval(renew, Math.ceil(ms / 3)).unref();
  }

  async write(bytes: Uint8Array, ttlMs: number): Promise<LeasedWrite> {
    clearInterval(this.#timer);
    const done = await this.#guard.run('write', () =>
      this.#leases.write(this.#key, this.#token, bytes, ttlMs),
    );
    if (done === AWAY) return 'away';
    return done ? 'stored' : 'fenced';
  }

  release(): void {
    clearInterval(this.#timer);
    void this.#guard.run('aside', () => this.#leases.release(this.#key, this.#token));
  }
}

/** How a load waits while another process has the lease. */
export interface WaitForOthers {
  readonly signal: AbortSignal;
  /** Called when it begins to wait. */
  readonly onWait?: (() => void) | undefined;
}

/** Takes leases, and waits where another process has one. */
export class Leases {
  /** Loads that waited for the load of another process. */
  waits = 0;
  readonly #leases: TierLeases;
  readonly #guard: Guard;
  readonly #ms: number;
  readonly #process = randomUUID();
  #taken = 0;

  /** @param ms how long a lease lasts unless it is renewed, and how long who has none waits for it */
  constructor(leases: TierLeases, guard: Guard, ms: number) {
    this.#leases = leases;
    this.#guard = guard;
    this.#ms = ms;
  }

  /**
   * The lease; or the bytes that are there now, if they do not begin with `known`; or undefined
   * when L2 is away or another process has loaded for too long. Rejects when `signal` aborts.
   */
  async take(
    key: string,
    known: Uint8Array | undefined,
    { signal, onWait }: WaitForOthers,
  ): Promise<Lease | Uint8Array | undefined> {
    this.#taken += 1;
    const token = `${this.#process}:${this.#taken}`;
    let pauseMs = FIRST_PAUSE_MS;
    for (let waitedMs = 0; ; waitedMs += pauseMs) {
      const answer = await this.#guard.run('write', () =>
        this.#leases.take(key, token, this.#ms, known),
      );
      if (answer === AWAY) return undefined;
      if (answer === 'taken') return new Lease(this.#leases, this.#guard, key, token, this.#ms);
      if (answer !== 'held') return answer;
      if (waitedMs === 0) {
        this.waits += 1;
        onWait?.();
      }
      if (waitedMs >= this.#ms) return undefined;
      pauseMs = Math.min(pauseMs * 1.5, MAX_PAUSE_MS);
      await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
