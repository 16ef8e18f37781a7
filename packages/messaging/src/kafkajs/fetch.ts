import type { AbortedTransaction } from './batch-reader.ts';
import { byTopic } from './protocol.ts';
import { Reader } from './reader.ts';

/** Where to read on in a partition. */
export interface FetchPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What a broker has of a partition. */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** The offset after the last record that may be read. */
  readonly end: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Batches; the last one may be cut off. */
  readonly bytes: Buffer;
}

export const fetchVersion = 11;
const partitionBytes = 1024 * 1024;
const answerBytes = 4 * partitionBytes;

/** What the encoder of kafkajs wants: everything that is committed, of so many partitions. */
export function fetchArgs(positions: Iterable<FetchPosition>, maxWaitMs: number): object {
  return {
    replicaId: -1,
    isolationLevel: 1,
    maxWaitTime: maxWaitMs,
    minBytes: 1,
    maxBytes: answerBytes,
    topics: byTopic(positions).map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, offset }) => ({
        partition,
        fetchOffset: `${offset}`,
        maxBytes: partitionBytes,
      })),
    })),
  };
}

/** Leaves the records as they are: one that cannot be read must not take the others with it. */
export function decodeFetch(payload: Buffer): {
  clientSideThrottleTime: number;
  errorCode: number;
  partitions: FetchedPartition[];
} {
  const reader = new Reader(payload);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  reader.int32();
  const topics = reader.array(() => {
    const topic = reader.string();
    return reader.array(() => readPartition(reader, topic));
  });
  return { clientSideThrottleTime, errorCode, partitions: topics.flat() };
}

function readPartition(reader: Reader, topic: string): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.int64();
  const end = reader.int64();
  reader.int64();
  const aborted = reader.array(() => ({
    producerId: reader.bigint(),
    firstOffset: reader.int64(),
  }));
  reader.int32();
  return { topic, partition, errorCode, end, aborted, bytes: reader.bytes() };
}
