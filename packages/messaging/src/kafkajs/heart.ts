import type { Clock } from '../clock.ts';
import { DriverError } from '../errors.ts';
import type { Generation, Membership } from './membership.ts';
import { codes } from './protocol.ts';
import { sleep } from './within.ts';

/** Soon enough to hear of a rebalance, and often enough for a session. */
const maxBeatMs = 1_000;

/**
 * Beats as long as a generation is held, also while its partitions are given up, however long that takes.
 */
export class Heart {
  /** Resolves when the group wants to share again. */
  readonly rebalance: Promise<void>;
  /** Resolves when others may have our partitions. */
  readonly lost: Promise<DriverError>;
  readonly #stopped = new AbortController();
  readonly #rebalance = Promise.withResolvers<void>();
  readonly #lost = Promise.withResolvers<DriverError>();

  constructor(
    membership: Membership,
    generation: Generation,
    clock: Clock,
    sessionTimeoutMs: number,
  ) {
    this.rebalance = this.#rebalance.promise;
    this.lost = this.#lost.promise;
    void this.#beat(membership, generation, clock, sessionTimeoutMs);
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #beat(
    membership: Membership,
    generation: Generation,
    clock: Clock,
    sessionTimeoutMs: number,
  ): Promise<void> {
    const { signal } = this.#stopped;
    const beatMs = Math.min(maxBeatMs, sessionTimeoutMs / 3);
    while (!signal.aborted) {
      await sleep(clock, beatMs, signal);
      if (signal.aborted) return;
      const failure = await membership.heartbeat(generation).then(
        (code) => this.#judge(code, membership),
        (cause) => lostBecause('the group could not be reached within a session', cause),
      );
      if (failure) {
        this.#lost.resolve(failure);
        return;
      }
    }
  }

  #judge(code: number, membership: Membership): DriverError | undefined {
    if (code === codes.none) return undefined;
    if (code === codes.rebalanceInProgress) {
      this.#rebalance.resolve();
      return undefined;
    }
    if (code === codes.unknownMember) membership.forget();
    return lostBecause(`the group has gone on without this member (code ${code})`);
  }
}

function lostBecause(message: string, cause?: unknown): DriverError {
  return new DriverError(message, { isRetriable: true, isStale: true, cause });
}
