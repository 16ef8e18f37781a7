import type { PartitionQueue } from '../driver.ts';
import type { Delivery } from './delivery.ts';
import { Line } from './line.ts';

/** Is told what a driver takes. */
export type OnTake = (backlog: Backlog, taken: readonly Delivery[]) => void;

/** The deliveries of one partition that wait for the driver. */
export class Backlog implements PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly line: Line<Delivery> = new Line();
  /** It is on the list of those to be offered. */
  isListed = false;
  /** What it has was offered and left over: it has waited for company already. */
  isRipe = false;
  readonly #onTake: OnTake;

  constructor(topic: string, partition: number, onTake: OnTake) {
    this.topic = topic;
    this.partition = partition;
    this.#onTake = onTake;
  }

  take(maxBytes: number): readonly Delivery[] {
    const taken: Delivery[] = [];
    let room = maxBytes;
    for (let next = this.line.first; next; next = this.line.first) {
      room -= next.bytes;
      if (room < 0 && taken.length > 0) break;
      this.line.remove(next);
      next.isTaken = true;
      taken.push(next);
    }
    this.isRipe = this.line.size > 0;
    if (taken.length > 0) this.#onTake(this, taken);
    return taken;
  }
}
