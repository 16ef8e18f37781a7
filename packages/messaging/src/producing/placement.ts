import type { Clock } from '../clock.ts';
import type { DriverProducer } from '../driver.ts';
import type { Backlog, OnTake } from './backlog.ts';
import type { Delivery } from './delivery.ts';
import { Destination } from './destination.ts';
import type { Line } from './line.ts';

/** What a placement is made of. */
export interface PlacementParts {
  readonly driver: DriverProducer;
  readonly clock: Clock;
  readonly maxBatchBytes: number;
  /** Aborts when nothing is to be placed any more. */
  readonly ended: AbortSignal;
  readonly onTake: OnTake;
  /** Something waits there now. */
  readonly onPlaced: (backlog: Backlog) => void;
  /** It has no place. */
  readonly onMisplaced: (delivery: Delivery, error: unknown) => void;
}

/** Between two questions for a topic that could not be answered: doubled, up to the second figure. */
const ASK_AGAIN_MS = { first: 100, longest: 1_000 };

/** Finds the partition of each delivery. Those of a topic keep their order, even while it is asked for. */
export class Placement {
  readonly #parts: PlacementParts;
  readonly #destinations = new Map<string, Destination>();

  constructor(parts: PlacementParts) {
    this.#parts = parts;
  }

  place(delivery: Delivery): void {
    const destination = this.#destination(delivery.topic);
    const partitions = destination.isAsking ? undefined : this.#ask(destination);
    if (typeof partitions === 'number') {
      this.#enqueue(destination, delivery, partitions);
      return;
    }
    destination.unplaced.push(delivery);
    if (partitions) void this.#placeWhenKnown(destination, partitions);
  }

  /** Everything that waits here, in lines, each in the order of time. */
  *lines(): Generator<Line<Delivery>, void> {
    for (const { unplaced, backlogs } of this.#destinations.values()) {
      yield unplaced;
      for (const { line } of backlogs) yield line;
    }
  }

  #destination(topic: string): Destination {
    const found = this.#destinations.get(topic);
    if (found) return found;
    const made = new Destination(topic, this.#parts);
    this.#destinations.set(topic, made);
    return made;
  }

  /** How many partitions there are. Never throws: what the driver throws becomes a rejection. */
  #ask({ name }: Destination): number | Promise<number> {
    try {
      return this.#parts.driver.partitionsOf(name, this.#parts.ended);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #enqueue(destination: Destination, delivery: Delivery, partitions: number): void {
    try {
      const backlog = destination.backlogFor(delivery, partitions);
      delivery.partition = backlog.partition;
      backlog.line.push(delivery);
      this.#parts.onPlaced(backlog);
    } catch (error) {
      this.#parts.onMisplaced(delivery, error);
    }
  }

  async #placeWhenKnown(destination: Destination, asked: Promise<number>): Promise<void> {
    destination.isAsking = true;
    const partitions = await this.#known(destination, asked);
    destination.isAsking = false;
    for (let next = destination.unplaced.first; next; next = destination.unplaced.first) {
      destination.unplaced.remove(next);
      if (typeof partitions === 'number') this.#enqueue(destination, next, partitions);
      else next.failed(partitions, false);
    }
  }

  /** Asks as long as somebody waits for the answer and a better one may come. */
  async #known(destination: Destination, first: Promise<number>): Promise<number | Error> {
    let asked: number | Promise<number> = first;
    for (let waitMs = ASK_AGAIN_MS.first; ; waitMs = Math.min(2 * waitMs, ASK_AGAIN_MS.longest)) {
      try {
        return await asked;
      } catch (cause) {
        const error = cause instanceof Error ? cause : new Error(String(cause), { cause });
        if (!isRetriable(error) || destination.unplaced.size === 0) return error;
      }
      await this.#sleep(waitMs);
      asked = this.#ask(destination);
    }
  }

  /** Ends early when everything ends. */
  async #sleep(ms: number): Promise<void> {
    const { clock, ended } = this.#parts;
    const over = Promise.withResolvers<void>();
    const wake = () => over.resolve();
    const callOff = clock.after(ms, wake);
    ended.addEventListener('abort', wake);
    await over.promise;
    ended.removeEventListener('abort', wake);
    callOff();
  }
}

function isRetriable(error: Error): boolean {
  return 'isRetriable' in error && error.isRetriable === true;
}
