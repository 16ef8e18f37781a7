import { show } from '../check.ts';
import type { Clock } from '../clock.ts';
import { partitionOf } from '../topics/murmur2.ts';
import { Backlog, type OnTake } from './backlog.ts';
import type { Delivery } from './delivery.ts';
import { Line } from './line.ts';

/** How long records without a key go to the same partition when nobody takes them from there. */
const STICKY_MS = 100;

/** What a destination is made of. */
export interface DestinationParts {
  readonly clock: Clock;
  readonly maxBatchBytes: number;
  readonly onTake: OnTake;
}

/** A topic, and what waits to be written to it. */
export class Destination {
  readonly name: string;
  /** What waits until it is known how many partitions there are. */
  readonly unplaced: Line<Delivery> = new Line();
  isAsking = false;
  readonly #backlogs: Map<number, Backlog> = new Map();
  readonly #parts: DestinationParts;
  readonly #onTake: OnTake;
  // Where records without a key go: one partition for a batch, the next batch to another one.
  #sticky: Backlog | undefined;
  #stickyUntilMs = 0;

  constructor(name: string, parts: DestinationParts) {
    this.name = name;
    this.#parts = parts;
    this.#onTake = (backlog, taken) => {
      if (backlog === this.#sticky) this.#sticky = undefined;
      parts.onTake(backlog, taken);
    };
  }

  /** Those that something was ever written to. */
  get backlogs(): Iterable<Backlog> {
    return this.#backlogs.values();
  }

  /**
   * Where a record goes: the partition that was asked for, that of its key, or any.
   *
   * @throws RangeError when there is no such partition
   */
  backlogFor({ partition, key }: Delivery, partitions: number): Backlog {
    if (partition !== undefined) return this.#backlog(checked(partition, partitions));
    if (key) return this.#backlog(partitionOf(key, partitions));
    return this.#anyBacklog(partitions);
  }

  #anyBacklog(partitions: number): Backlog {
    const nowMs = this.#parts.clock.now();
    const sticky = this.#sticky;
    // A leader that takes nothing must not collect all that has no key.
    const isGood = sticky && sticky.partition < partitions && nowMs < this.#stickyUntilMs;
    if (isGood && sticky.line.bytes < this.#parts.maxBatchBytes) return sticky;
    this.#sticky = this.#backlog(Math.floor(Math.random() * partitions));
    this.#stickyUntilMs = nowMs + STICKY_MS;
    return this.#sticky;
  }

  #backlog(partition: number): Backlog {
    const found = this.#backlogs.get(partition);
    if (found) return found;
    const made = new Backlog(this.name, partition, this.#onTake);
    this.#backlogs.set(partition, made);
    return made;
  }
}

function checked(partition: number, partitions: number): number {
  if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return partition;
  throw new RangeError(`partition must be from 0 to ${partitions - 1}, got ${show(partition)}`);
}
