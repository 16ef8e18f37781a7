import type { StoredRecord, TopicPartition } from '../record.ts';

/** What was read of a partition in one go. */
export interface Piece {
  readonly records: readonly StoredRecord[];
  readonly nextOffset: number;
  readonly end: number;
}

/** A partition that is read, and from where. */
export class Place implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** Undefined until it is known where to begin. */
  offset: number | undefined;
  /** The listener counts on the offset: it was sought, or what is before it was handed out. */
  isPromised = false;
  /** The broker has nothing at the offset: before the first record, or behind the last. */
  isOutside = false;
  isPaused = false;
  /** What came while it was paused. */
  held: Piece | undefined;
  notBeforeMs = 0;

  constructor({ topic, partition }: TopicPartition, offset: number | undefined) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
  }

  get name(): string {
    return `${this.topic}/${this.partition}`;
  }

  /** Goes on elsewhere. */
  move(offset: number | undefined): void {
    this.offset = offset;
    this.isOutside = false;
  }
}

/** The partitions of an assignment. */
export class Places implements Iterable<Place> {
  readonly #places: ReadonlyMap<string, Place>;

  constructor(places: readonly Place[]) {
    this.#places = new Map(places.map((place) => [keyOf(place), place]));
  }

  [Symbol.iterator](): Iterator<Place> {
    return this.#places.values();
  }

  get(partition: TopicPartition): Place | undefined {
    return this.#places.get(keyOf(partition));
  }

  /** Those of them that are here. */
  those(partitions: readonly TopicPartition[]): Place[] {
    return partitions.flatMap((one) => this.get(one) ?? []);
  }
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`;
}
