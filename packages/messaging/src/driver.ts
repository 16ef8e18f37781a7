import type { RawRecord, StoredRecord, TopicPartition } from './record.ts';

/**
 * What is needed of a client for Kafka, and no more: which partition a record goes to, batching, retries
 * of handlers, order, what is committed and when, and tracing are the same whatever the driver.
 * An implementation is proved by `driverContract` of `@shopgpt/messaging/testing`.
 */
export interface Driver {
  /** For messages and numbers, e.g. `kafkajs`. */
  readonly name: string;
  readonly admin: DriverAdmin;
  producer(options: DriverProducerOptions): DriverProducer;
  consumer(options: DriverConsumerOptions): DriverConsumer;
  /** Ends every connection; producers and consumers are closed before. Rejects nothing, waits for nothing that hangs. */
  close(): Promise<void>;
}

/** How a producer writes. */
export interface DriverProducerOptions {
  readonly compression: Compression;
  /** The largest batch of one partition, in bytes before compression. */
  readonly maxBatchBytes: number;
}

/** The codecs that Kafka knows. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/**
 * Writes records, each exactly once in the log, and those of a partition in the order in which they are
 * taken. It owns retries, leaders and sequence numbers; it takes as much as waits whenever a partition's
 * leader has a hand free, so batches grow with the time that the broker takes.
 */
export interface DriverProducer {
  /**
   * How many partitions the topic has; kept and refreshed by the driver.
   *
   * @throws UnknownTopicError when the cluster says that there is no such topic; DriverError when it cannot be asked in time
   */
  partitionsOf(topic: string, signal?: AbortSignal): number | Promise<number>;
  /** Says that records wait in the queue. It may be said again while the driver has not taken them yet. */
  offer(queue: PartitionQueue): void;
  /** Ends the producer: what was taken and is not answered yet fails. */
  close(): Promise<void>;
}

/** The records of one partition that wait to be written, first come, first served. */
export interface PartitionQueue extends TopicPartition {
  /** The records that go next, at most so many bytes of them but at least one; none when none wait any more. */
  take(maxBytes: number): readonly PendingRecord[];
}

/** A record on its way. Exactly one of its two functions is called, once. */
export interface PendingRecord extends RawRecord {
  /** How many bytes it takes in a batch, at most. */
  readonly bytes: number;
  /** When it is given up, in ms of the clock. It may move: the driver looks at it between two attempts. */
  readonly deadlineMs: number;
  /** @param offset undefined when the broker knows the record from an earlier attempt and no longer says where it is */
  written(offset: number | undefined): void;
  /** @param maybeWritten false only when the record is certainly not in the log and never will be */
  failed(cause: Error, maybeWritten: boolean): void;
}

/** What a consumer reads. */
export interface DriverConsumerOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * Where to begin in a partition for which the group has no offset, or one behind the end of the log. Where the
   * records at its offset are gone, it goes on with the first that is left.
   */
  readonly from: 'earliest' | 'latest';
  /** How long the group waits for a member that is silent, in ms. */
  readonly sessionTimeoutMs: number;
  /** How long the group waits for its members to come to a rebalance, in ms. */
  readonly rebalanceTimeoutMs: number;
}

/**
 * A member of a group. It sends heartbeats by itself, however long anybody takes, and answers a
 * rebalance in its own time. A crash ends it; whoever runs it makes another one.
 */
export interface DriverConsumer {
  /**
   * Joins the group and reads until `stop`.
   *
   * @throws DriverError when it cannot go on: then no partition is held any more, and `lost` was called
   */
  run(listener: ConsumerListener): Promise<void>;
  /** No records come from these partitions until `resume`, not even those that are on the way. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  /** The next records of the partition begin at this offset. May be called within `assigned`. */
  seek(partition: TopicPartition, offset: number): void;
  /**
   * Commits, for each partition, the offset that is to be read next.
   *
   * @throws DriverError; its `isStale` says that the group has given these partitions to others
   */
  commit(epoch: number, offsets: readonly Position[]): Promise<void>;
  /** Leaves the group after `revoking` was answered. */
  stop(): Promise<void>;
}

/** A place in a partition. */
export interface Position extends TopicPartition {
  readonly offset: number;
}

/** What a member of a group holds. */
export interface Assignment {
  /** Grows with every rebalance; commits of an older one are refused. */
  readonly epoch: number;
  readonly partitions: readonly TopicPartition[];
}

/** Who is told what a consumer gets. Calls come one after the other and never overlap with `revoking`. */
export interface ConsumerListener {
  /** These partitions are read from now on; no record of them comes before this returns. */
  assigned(assignment: Assignment): void;
  /** They are to be given up: the driver waits for the promise (and no longer than the group does) before it lets go. */
  revoking(assignment: Assignment): Promise<void>;
  /** They are gone, and somebody else may have them already. */
  lost(assignment: Assignment): void;
  /**
   * Records of a partition, in their order; offsets may have gaps.
   *
   * @param end the offset after the last record of the partition, as far as the broker has said
   */
  records(partition: TopicPartition, records: readonly StoredRecord[], end: number): void;
  /** Something went wrong that the driver goes on after by itself: for `health()`. */
  trouble(error: Error): void;
}

/** Looks after topics and offsets. Every call has a time limit of its own, and rejects with a DriverError. */
export interface DriverAdmin {
  /** What the cluster knows of each topic, in their order; undefined where there is none. */
  describe(topics: readonly string[]): Promise<readonly (TopicDescription | undefined)[]>;
  /** Resolves when every partition has a leader. A topic that is there already is no error. */
  create(topic: TopicSpec): Promise<void>;
  /** @param partitions the new count */
  raisePartitions(topic: string, partitions: number): Promise<void>;
  /** An offset for each partition: the first, the one after the last, or the first of that time (in ms since 1970) or later. */
  offsets(topic: string, at: 'earliest' | 'latest' | number): Promise<readonly number[]>;
  /** What the group has committed for each partition of the topic; undefined where nothing. */
  committed(group: string, topic: string): Promise<readonly (number | undefined)[]>;
  /** Sets the offsets of a group that has no members. */
  setCommitted(group: string, offsets: readonly Position[]): Promise<void>;
  /** Records from that offset on, without a group: as many as come at once, none at the end. */
  read(from: Position): Promise<readonly StoredRecord[]>;
}

/** A topic as it is to be. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** Default: what the cluster says. */
  readonly replicationFactor?: number;
  readonly config: Readonly<Record<string, string>>;
}

/** A topic as it is. */
export interface TopicDescription {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Every key of its configuration, and whether the topic itself says so or the cluster does. */
  readonly config: Readonly<
    Record<string, { readonly value: string; readonly isDefault: boolean }>
  >;
}
