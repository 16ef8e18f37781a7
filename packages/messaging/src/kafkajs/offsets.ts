import type { TopicPartition } from '../record.ts';
import { byTopic, codes } from './protocol.ts';
import type { Wire } from './wire.ts';

/** A place in a partition's log, or why there is none. */
export interface FoundOffset extends TopicPartition {
  readonly errorCode: number;
  /** -1 when there is nothing of that time or later. */
  readonly offset: number;
}

/** The first offset, the one after the last that is committed, or the first of that time. */
export async function listOffsets(
  wire: Wire,
  partitions: Iterable<TopicPartition>,
  at: 'earliest' | 'latest' | number,
): Promise<FoundOffset[]> {
  const timestamp = at === 'earliest' ? -2 : at === 'latest' ? -1 : Math.trunc(at);
  const topics = byTopic(partitions).map(({ topic, partitions: list }) => ({
    topic,
    partitions: list.map(({ partition }) => ({ partition, timestamp })),
  }));
  const { responses } = await wire.call('ListOffsets', { isolationLevel: 1, topics });
  return responses.flatMap(({ topic, partitions: list }) =>
    list.map(({ partition, errorCode, offset }) => ({
      topic,
      partition,
      errorCode,
      offset: errorCode === codes.none ? Number(offset) : -1,
    })),
  );
}
