/** A header as Kafka keeps it: names may repeat, and their order is kept. */
export type RawHeader = readonly [name: string, value: Uint8Array | null];

/** A record as Kafka keeps it. */
export interface RawRecord {
  readonly key: Uint8Array | null;
  /** Null is a tombstone: compaction forgets the key. */
  readonly value: Uint8Array | null;
  readonly headers: readonly RawHeader[];
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

/** A record that has its place in a partition. */
export interface StoredRecord extends RawRecord {
  /** A number is exact up to 2^53: at a million records a second, one partition gets there in 285 years. */
  readonly offset: number;
}

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}
