import { codes } from './protocol.ts';

const retriable: ReadonlySet<number> = new Set([
  ...[-1, 2, 8, 9, 13, 89, codes.unknownTopic, codes.leaderNotAvailable, codes.notLeader],
  ...[codes.timedOut, codes.notEnoughReplicas, codes.notEnoughReplicasAfterAppend],
  ...[codes.storageError, codes.fencedLeaderEpoch, codes.unknownLeaderEpoch],
]);

/** What a leader says before it appends anything: of the request, of the records, of itself, of who asks. */
const refused: ReadonlySet<number> = new Set([
  ...[2, 8, 9, 17, 21, 29, 31, 32, 35, 42, 43, 44, 48, 53, 55, 76, 87, 89],
  ...[codes.leaderNotAvailable, codes.tooLarge, codes.listTooLarge, codes.notEnoughReplicas],
  ...[codes.outOfOrderSequence, codes.invalidProducerEpoch, codes.unknownProducer],
  ...[codes.fencedLeaderEpoch, codes.unknownLeaderEpoch],
]);

const lostSequence: ReadonlySet<number> = new Set([
  ...[codes.outOfOrderSequence, codes.invalidProducerEpoch, codes.unknownProducer],
]);

/** The same batch is sent again, with the same sequence. */
export function isRetriable(code: number): boolean {
  return retriable.has(code);
}

/**
 * The batch may be in the log. Some codes are also said by a leader that lost the partition after it had
 * appended; and of one that we do not know, nobody can tell.
 */
export function isUnsure(code: number): boolean {
  return !refused.has(code);
}

/** The broker knows another sequence, or none. */
export function hasLostSequence(code: number): boolean {
  return lostSequence.has(code);
}
