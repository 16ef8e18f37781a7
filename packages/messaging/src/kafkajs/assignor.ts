import { AssignerProtocol } from 'kafkajs';
import type { TopicPartition } from '../record.ts';

/** A member, and the topics that it wants. */
export interface GroupMember {
  readonly memberId: string;
  readonly topics: readonly string[];
}

type Shares = ReadonlyMap<string, readonly TopicPartition[]>;

/**
 * The ways to share that we know, by the names of Java's clients and of kafkajs: a group can go over from
 * these to us member by member.
 */
const assignors: Readonly<Record<string, typeof roundRobin>> = {
  roundrobin: roundRobin,
  RoundRobinAssigner: roundRobin,
  range,
};

/** What a member says when it joins. */
export function protocolsFor(topics: readonly string[]): { name: string; metadata: Buffer }[] {
  const metadata = AssignerProtocol.MemberMetadata.encode({
    version: 0,
    topics: [...topics],
    userData: Buffer.alloc(0),
  });
  return Object.keys(assignors).map((name) => ({ name, metadata }));
}

export function topicsOf(metadata: Buffer): readonly string[] {
  return AssignerProtocol.MemberMetadata.decode(metadata)?.topics ?? [];
}

/** Shares the partitions, as the leader of a group does for all. */
export function share(
  protocol: string,
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): { memberId: string; memberAssignment: Buffer }[] {
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const shares = (assignors[protocol] ?? roundRobin)(sorted, partitionCounts);
  return [...shares].map(([memberId, partitions]) => {
    const assignment: Record<string, number[]> = {};
    for (const { topic, partition } of partitions) {
      assignment[topic] = [...(assignment[topic] ?? []), partition];
    }
    const encoded = { version: 0, assignment, userData: Buffer.alloc(0) };
    return { memberId, memberAssignment: AssignerProtocol.MemberAssignment.encode(encoded) };
  });
}

export function partitionsIn(assignment: Buffer): TopicPartition[] {
  // Empty when there is nothing for this member.
  const decoded = AssignerProtocol.MemberAssignment.decode(assignment)?.assignment ?? {};
  return Object.entries(decoded).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}

/** Partition by partition to the next member that wants its topic. */
function roundRobin(
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): Shares {
  const shares = emptyShares(members);
  let turn = 0;
  for (const [topic, count] of sortedTopics(partitionCounts)) {
    for (let partition = 0; partition < count; partition += 1) {
      const order = members.map((_, i) => members[(turn + i) % members.length]);
      const next = order.find((member) => member?.topics.includes(topic));
      if (!next) break;
      turn = members.indexOf(next) + 1;
      shares.get(next.memberId)?.push({ topic, partition });
    }
  }
  return shares;
}

/** Topic by topic in pieces: partitions of one number of all topics go to one member. */
function range(
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): Shares {
  const shares = emptyShares(members);
  for (const [topic, count] of sortedTopics(partitionCounts)) {
    const takers = members.filter(({ topics }) => topics.includes(topic));
    for (const [i, { memberId }] of takers.entries()) {
      const rest = count % takers.length;
      const size = Math.floor(count / takers.length);
      const from = i * size + Math.min(i, rest);
      for (let k = 0; k < size + (i < rest ? 1 : 0); k += 1) {
        shares.get(memberId)?.push({ topic, partition: from + k });
      }
    }
  }
  return shares;
}

function emptyShares(members: readonly GroupMember[]): Map<string, TopicPartition[]> {
  return new Map(members.map(({ memberId }) => [memberId, []]));
}

function sortedTopics(partitionCounts: ReadonlyMap<string, number>): [string, number][] {
  return [...partitionCounts].sort(([a], [b]) => (a < b ? -1 : 1));
}
