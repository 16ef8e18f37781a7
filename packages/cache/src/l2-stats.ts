/** What L2 did so far; `waitingDeletes` is of now. */
export interface L2Stats {
  readonly hits: number;
  readonly misses: number;
  /** Bytes under our keys that were not ours, or not readable: counted as misses too. */
  readonly foreign: number;
  /** Values that were not written, as they have more than `maxValueBytes`. */
  readonly tooLarge: number;
  /** Bytes that were read under keys, tags apart, and bytes that were written there. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Operations that failed or took too long. */
  readonly failures: number;
  /** Operations that were not tried, as L2 was away. */
  readonly skipped: number;
  /** Loads that waited for the load of another process. */
  readonly leaseWaits: number;
  /** Times when messages of other processes began to be missed. */
  readonly busLosses: number;
  /** Deletes, expiries and invalidations that wait for L2 to come back. */
  readonly waitingDeletes: number;
}

/** The numbers of an L2 that is not there. */
export const noL2: L2Stats = {
  hits: 0,
  misses: 0,
  foreign: 0,
  tooLarge: 0,
  bytesRead: 0,
  bytesWritten: 0,
  failures: 0,
  skipped: 0,
  leaseWaits: 0,
  busLosses: 0,
  waitingDeletes: 0,
};
