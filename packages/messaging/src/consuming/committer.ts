import { backoffMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { DriverConsumer, Position } from '../driver.ts';
import { DriverError } from '../errors.ts';
import { reasonOf } from './failures.ts';
import type { HeldPartition } from './held-partition.ts';
import type { Troubles } from './troubles.ts';

/** How often the commit before partitions are given up is tried. */
const LAST_TRIES = 3;

export interface CommitterParts {
  readonly consumer: DriverConsumer;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly troubles: Troubles;
  readonly random: () => number;
  /** A commit was acknowledged for the partition. */
  readonly committed: (held: HeldPartition) => void;
}

/** What a commit says of a partition. */
interface Claim {
  readonly held: HeldPartition;
  readonly offset: number;
  readonly passed: number;
}

/** Commits where partitions stand: one commit at a time, and none when nothing moved. */
export class Committer {
  /** Of the group as the member knows it. */
  epoch = 0;
  readonly #parts: CommitterParts;
  readonly #moved = new Set<HeldPartition>();
  #callOff: (() => void) | undefined;
  #underWay: Promise<void> | undefined;
  #failures = 0;
  #isStopped = false;

  constructor(parts: CommitterParts) {
    this.#parts = parts;
  }

  /** The partition's position moved: it is committed when the interval is over. */
  touch(held: HeldPartition): void {
    this.#moved.add(held);
    this.#callOff ??= this.#parts.clock.after(this.#parts.intervalMs, () => this.#tick());
  }

  /** Commits now rather than when the interval is over; not while commits fail. */
  hurry(): void {
    if (this.#failures === 0 && !this.#underWay) this.#tick();
  }

  /** Commits what moved, after a commit that is under way. Never rejects; what fails is tried again. */
  async flush(): Promise<void> {
    while (this.#underWay) await this.#underWay;
    const claims = this.#claims();
    if (claims.length === 0) return;
    this.#underWay = this.#commit(claims);
    await this.#underWay;
  }

  /** Commits for the last time: a failure that passes must not cost redeliveries. */
  async finish(): Promise<void> {
    for (let tries = 0; tries < LAST_TRIES; tries += 1) {
      await this.flush();
      if (this.#moved.size === 0) return;
    }
  }

  /** Leaves no timer and no complaint behind. */
  stop(): void {
    this.#isStopped = true;
    this.#callOff?.();
    this.#callOff = undefined;
    this.#parts.troubles.clear(this);
  }

  #tick(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    void this.flush();
  }

  #claims(): Claim[] {
    const claims: Claim[] = [];
    for (const held of this.#moved) {
      const { watermark } = held;
      const offset = watermark.position;
      if (held.state === 'gone' || offset === undefined || offset === held.committed) continue;
      claims.push({ held, offset, passed: watermark.passed });
    }
    this.#moved.clear();
    return claims;
  }

  async #commit(claims: readonly Claim[]): Promise<void> {
    const { consumer, troubles } = this.#parts;
    try {
      await consumer.commit(this.epoch, claims.map(positionOf));
      this.#failures = 0;
      troubles.clear(this);
      for (const claim of claims) this.#acknowledge(claim);
    } catch (error) {
      this.#failed(claims, error);
    } finally {
      this.#underWay = undefined;
    }
  }

  #acknowledge({ held, offset, passed }: Claim): void {
    held.committed = offset;
    held.passedCommitted = passed;
    this.#parts.committed(held);
  }

  #failed(claims: readonly Claim[], error: unknown): void {
    // The partitions have other owners: whoever is told so by the driver gives them up.
    if (this.#isStopped || (error instanceof DriverError && error.isStale)) return;
    const { clock, troubles, random } = this.#parts;
    this.#failures += 1;
    troubles.set(this, `offsets cannot be committed: ${reasonOf(error)}`);
    for (const { held } of claims) if (held.state !== 'gone') this.#moved.add(held);
    if (this.#moved.size === 0) return;
    this.#callOff?.();
    this.#callOff = clock.after(backoffMs(this.#failures, random), () => this.#tick());
  }
}

function positionOf({ held, offset }: Claim): Position {
  return { topic: held.topic, partition: held.partition, offset };
}
