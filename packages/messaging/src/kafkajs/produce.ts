import type { TopicPartition } from '../record.ts';
import { byTopic } from './protocol.ts';
import { Reader } from './reader.ts';
import { type BatchBody, batchHeaderBytes, type Sequence, writeBatch } from './record-batch.ts';

/** A batch on its way to the leader of its partition. */
export interface ProduceBatch extends TopicPartition {
  readonly body: BatchBody;
  readonly sequence: Sequence;
}

/** What a broker says about one partition of a request. */
export interface ProduceOutcome extends TopicPartition {
  readonly errorCode: number;
  readonly baseOffset: number;
}

export const produceVersion = 7;

/** A request for all replicas in sync; the broker waits for them so long. */
export function encodeProduce(batches: readonly ProduceBatch[], timeoutMs: number): Buffer {
  const topics = byTopic(batches);
  const names = topics.reduce((sum, { topic }) => sum + 6 + Buffer.byteLength(topic), 0);
  const bodies = batches.reduce(
    (sum, { body }) => sum + 8 + batchHeaderBytes + body.bytes.length,
    0,
  );
  const target = Buffer.allocUnsafe(12 + names + bodies);
  let at = target.writeInt16BE(-1, 0);
  at = target.writeInt16BE(-1, at);
  at = target.writeInt32BE(timeoutMs, at);
  at = target.writeInt32BE(topics.length, at);
  for (const { topic, partitions } of topics) {
    at = target.writeInt16BE(Buffer.byteLength(topic), at);
    at += target.write(topic, at);
    at = target.writeInt32BE(partitions.length, at);
    for (const { partition, body, sequence } of partitions) {
      at = target.writeInt32BE(partition, at);
      at = target.writeInt32BE(batchHeaderBytes + body.bytes.length, at);
      at = writeBatch(target, at, body, sequence);
    }
  }
  return target;
}

/** Each partition with its own code: one that failed says nothing about the others. */
export function decodeProduce(payload: Buffer): {
  clientSideThrottleTime: number;
  partitions: ProduceOutcome[];
} {
  const reader = new Reader(payload);
  const topics = reader.array(() => {
    const topic = reader.string();
    return reader.array(() => readOutcome(reader, topic));
  });
  return { partitions: topics.flat(), clientSideThrottleTime: reader.int32() };
}

function readOutcome(reader: Reader, topic: string): ProduceOutcome {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const baseOffset = reader.int64();
  reader.int64();
  reader.int64();
  return { topic, partition, errorCode, baseOffset };
}
