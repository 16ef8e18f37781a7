import type { Position } from '../driver.ts';
import { DriverError } from '../errors.ts';
import type { TopicPartition } from '../record.ts';
import { type CallOptions, type Coordinator, codesIn } from './coordinator.ts';
import { byTopic, codes } from './protocol.ts';

/** Who commits. Without a member: nobody may be in the group. */
export interface CommittingMember {
  readonly group: string;
  readonly generationId: number;
  readonly memberId: string;
}

/** The group has gone on without who commits. */
const stale: readonly number[] = [
  codes.illegalGeneration,
  codes.unknownMember,
  codes.rebalanceInProgress,
];

/** @throws DriverError; its `isStale` says that somebody else has the partitions */
export async function commitOffsets(
  coordinator: Pick<Coordinator, 'call'>,
  { group, generationId, memberId }: CommittingMember,
  offsets: readonly Position[],
  errorOf: (code: number) => Error,
  options: CallOptions,
): Promise<void> {
  if (offsets.length === 0) return;
  const topics = byTopic(offsets).map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition, offset }) => ({ partition, offset: `${offset}` })),
  }));
  const args = { groupId: group, groupGenerationId: generationId, memberId, topics };
  const answer = await coordinator.call('OffsetCommit', args, options);
  // A topic that is gone has no offsets, and does not make those of others wrong.
  const code = codesIn(answer).find((one) => one !== codes.unknownTopic);
  if (code === undefined) return;
  const cause = errorOf(code);
  throw new DriverError(`offsets were not committed: ${cause.message}`, {
    isRetriable: !stale.includes(code),
    isStale: stale.includes(code),
    cause,
  });
}

/** What the group has committed for these partitions; nothing for the others. */
export async function committedOffsets(
  coordinator: Pick<Coordinator, 'call'>,
  group: string,
  partitions: readonly TopicPartition[],
  errorOf: (code: number) => Error,
  options: CallOptions,
): Promise<Position[]> {
  if (partitions.length === 0) return [];
  const topics = byTopic(partitions);
  const answer = await coordinator.call('OffsetFetch', { groupId: group, topics }, options);
  const [code] = codesIn(answer).filter((one) => one !== codes.unknownTopic);
  if (code !== undefined) {
    throw new DriverError(`the offsets of ${group} cannot be read`, {
      isRetriable: true,
      cause: errorOf(code),
    });
  }
  return answer.responses.flatMap(({ topic, partitions: list }) =>
    list
      .map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) }))
      .filter(({ offset }) => offset >= 0),
  );
}
