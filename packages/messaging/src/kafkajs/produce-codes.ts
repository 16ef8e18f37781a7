import { codes } from './protocol.ts';

const retriable: ReadonlySet<number> = new Set([
  ...[-1, 2, 8, 9, 13, 89, codes.unknownTopic, codes.leaderNotAvailable, codes.notLeader],
  ...[codes.timedOut, codes.notEnoughReplicas, codes.notEnoughReplicasAfterAppend],
  ...[codes.storageError, codes.fencedLeaderEpoch, codes.unknownLeaderEpoch],
]);

const unsure: ReadonlySet<number> = new Set([
  ...[-1, 13, codes.unknownTopic, codes.notLeader, codes.timedOut],
  ...[codes.notEnoughReplicasAfterAppend, codes.storageError],
]);

const lostSequence: ReadonlySet<number> = new Set([
  ...[codes.outOfOrderSequence, codes.invalidProducerEpoch, codes.unknownProducer],
]);

/** The same batch is sent again, with the same sequence. */
export function isRetriable(code: number): boolean {
  return retriable.has(code);
}

/** The batch may be in the log: a leader says these also when it lost the partition after it had appended. */
export function isUnsure(code: number): boolean {
  return unsure.has(code);
}

/** The broker knows another sequence, or none. */
export function hasLostSequence(code: number): boolean {
  return lostSequence.has(code);
}
