/** Numbers of a batcher: gauges as they are now, and counters that only grow. */
export interface BatcherStats {
  /** Calls in the queue now. */
  readonly queued: number;
  /** Calls beyond `queue.max` now, with `whenFull: 'wait'`. */
  readonly waitingForRoom: number;
  /** Batches in flight now; one is over in the promise job after that which answers its callers. */
  readonly inFlight: number;
  /** Calls that were accepted. */
  readonly added: number;
  /** Of those, calls that joined an item with the same `dedupeKey`. */
  readonly joined: number;
  /** Calls that were refused because the queue was full. */
  readonly refused: number;
  /** Calls whose caller aborted before there was a result. */
  readonly cancelled: number;
  /** Batches that left. `items / batches` is the mean size. */
  readonly batches: number;
  /** Items in the batches that left. */
  readonly items: number;
  /** Items in the largest batch so far. */
  readonly largestBatch: number;
  /** Milliseconds that batches waited, from their first item until they left, summed up. */
  readonly waitMs: number;
  /** Batches whose call failed, timeouts included. */
  readonly failedBatches: number;
  /** Calls of `process` that took longer than `timeoutMs`. */
  readonly timedOut: number;
  /** Calls of `process` to take failed batches apart. */
  readonly extraCalls: number;
}

/** The counters, as plain fields to add to. */
export type Counters = {
  -readonly [Name in Exclude<keyof BatcherStats, 'queued' | 'waitingForRoom' | 'inFlight'>]: number;
};

export function zeroCounters(): Counters {
  return {
    added: 0,
    joined: 0,
    refused: 0,
    cancelled: 0,
    batches: 0,
    items: 0,
    largestBatch: 0,
    waitMs: 0,
    failedBatches: 0,
    timedOut: 0,
    extraCalls: 0,
  };
}
