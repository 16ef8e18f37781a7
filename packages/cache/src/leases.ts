import { randomUUID } from 'node:crypto';
import type { Bus } from './bus.ts';
import { AWAY, type Guard } from './guard.ts';
import { Sleeper } from './sleeper.ts';
import type { LeaseEnd, TierLeases } from './tier.ts';

/** How often who waits for another process asks again when nobody tells him: soon at first, then less often. */
const FIRST_PAUSE_MS = 5;
const MAX_PAUSE_MS = 100;

/** The same when he would be told, as messages get lost and processes die. */
const HEARD_PAUSE_MS = 500;

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
  readonly #onAwaited: () => void;

  /** @param onAwaited called when it has ended and somebody waits for that */
  constructor(
    { leases, guard, ms }: LeasesParts,
    key: string,
    token: string,
    onAwaited: () => void,
  ) {
    this.#leases = leases;
    this.#guard = guard;
    this.#key = key;
    this.#token = token;
    this.#onAwaited = onAwaited;
    // A short lease that a living process renews: if the process dies, the others do not wait for long.
    const renew = () => guard.run('aside', () => leases.renew(key, token, ms));
    this.#timer = setInterval(renew, Math.ceil(ms / 3)).unref();
  }

  async write(bytes: Uint8Array, ttlMs: number): Promise<LeasedWrite> {
    clearInterval(this.#timer);
    const end = await this.#end('write', () =>
      this.#leases.write(this.#key, this.#token, bytes, ttlMs),
    );
    if (end === AWAY) return 'away';
    return end === 'gone' ? 'fenced' : 'stored';
  }

  release(): void {
    clearInterval(this.#timer);
    void this.#end('aside', () => this.#leases.release(this.#key, this.#token));
  }

  async #end(
    kind: 'write' | 'aside',
    operation: () => Promise<LeaseEnd>,
  ): Promise<LeaseEnd | typeof AWAY> {
    const end = await this.#guard.run(kind, operation);
    if (end === 'awaited') this.#onAwaited();
    return end;
  }
}

/** How a load waits while another process has the lease. */
export interface WaitForOthers {
  readonly signal: AbortSignal;
  /** Called when it begins to wait. */
  readonly onWait?: (() => void) | undefined;
}

/** What L2 answers to who asks for a lease. */
type Taken = Awaited<ReturnType<TierLeases['take']>>;

/** What leases are taken with. */
export interface LeasesParts {
  readonly leases: TierLeases;
  readonly guard: Guard;
  readonly bus: Pick<Bus, 'isUp' | 'announceFreed'> | undefined;
  /** How long a lease lasts unless it is renewed, and how long who has none waits for it. */
  readonly ms: number;
}

/** Takes leases, and waits where another process has one. */
export class Leases {
  /** Loads that waited for the load of another process. */
  waits = 0;
  readonly #parts: LeasesParts;
  readonly #process = randomUUID();
  #taken = 0;
  readonly #sleepers = new Map<string, Set<Sleeper>>();

  constructor(parts: LeasesParts) {
    this.#parts = parts;
  }

  /** Whether anybody waits. */
  get isAwaited(): boolean {
    return this.#sleepers.size > 0;
  }

  /** Who waits for one of these need not wait any longer to ask again; without names, nobody need. */
  wake(names: Iterable<string> = this.#sleepers.keys()): void {
    for (const name of names) for (const sleeper of this.#sleepers.get(name) ?? []) sleeper.wake();
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
    const { bus, ms } = this.#parts;
    const startedAt = performance.now();
    let pauseMs = FIRST_PAUSE_MS;
    for (let isFirst = true; ; isFirst = false) {
      const sleeper = new Sleeper(this.#sleepers, key);
      try {
        const answer = await this.#ask(key, token, known);
        if (answer !== 'held') return answer;
        if (isFirst) {
          this.waits += 1;
          onWait?.();
        }
        const leftMs = ms - (performance.now() - startedAt);
        if (leftMs <= 0) return undefined;
        pauseMs = Math.min(pauseMs * 1.5, MAX_PAUSE_MS);
        await sleeper.sleep(Math.min(leftMs, bus?.isUp ? HEARD_PAUSE_MS : pauseMs), signal);
      } finally {
        sleeper.leave();
      }
    }
  }

  async #ask(
    key: string,
    token: string,
    known: Uint8Array | undefined,
  ): Promise<Lease | Uint8Array | 'held' | undefined> {
    const { leases, guard, ms } = this.#parts;
    const asked: Promise<Taken>[] = [];
    const answer = await guard.run('write', () => {
      const asking = leases.take(key, token, ms, known);
      asked.push(asking);
      return asking;
    });
    if (answer === AWAY) {
      for (const asking of asked) void this.#giveBack(key, token, asking);
      return undefined;
    }
    return answer === 'taken' ? new Lease(this.#parts, key, token, () => this.#free(key)) : answer;
  }

  /** A lease that nobody waits for any more would keep all others from loading until its time is over. */
  async #giveBack(name: string, token: string, late: Promise<Taken>): Promise<void> {
    try {
      if ((await late) === 'taken') await this.#parts.leases.release(name, token);
    } catch {
      // It ends with its time.
    }
  }

  /** Somebody waits for the lease on this name, which has ended, here or in another process. */
  #free(name: string): void {
    this.wake([name]);
    const { bus, guard } = this.#parts;
    if (bus) void guard.run('aside', () => bus.announceFreed(name));
  }
}
