import type { HeldPartition } from './held-partition.ts';

/** How much of a partition may be in the process. */
export interface FlowLimits {
  /** Records that are not finished. */
  readonly maxRecords: number;
  /** Their bytes. */
  readonly maxBytes: number;
  /** Records that would come again if the process died: those from the committed offset on. */
  readonly maxUncommitted: number;
}

/** Whether the partition is to be paused: from a limit on, until it is down to half of each. */
export function wantsPause(held: HeldPartition, limits: FlowLimits): boolean {
  if (held.unwritten > 0) return true;
  const share = held.isPaused ? 0.5 : 1;
  return (
    held.unfinished >= limits.maxRecords * share ||
    held.bytes >= limits.maxBytes * share ||
    held.uncommitted >= limits.maxUncommitted * share
  );
}
