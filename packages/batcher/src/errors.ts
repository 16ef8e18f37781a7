/** The `code` of every error that a batcher makes itself. What `process` throws is passed on as it is. */
export type BatcherErrorCode =
  | QueueFullError['code']
  | BatcherClosedError['code']
  | BatchTimeoutError['code']
  | ItemTooLargeError['code']
  | ResultShapeError['code']
  | ResultMissingError['code'];

/** The queue has no room for this call: nothing was sent. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
  readonly code = 'ERR_BATCHER_QUEUE_FULL';
  readonly batcher: string;
  /** `queue.max` of the batcher. */
  readonly max: number;

  constructor(batcher: string, max: number) {
    super(`batcher "${batcher}" is full: ${max} calls wait already`);
    this.batcher = batcher;
    this.max = max;
  }
}

/** The batcher is closed. `sent` says whether the item had left for `process`, which may have acted on it. */
export class BatcherClosedError extends Error {
  override readonly name = 'BatcherClosedError';
  readonly code = 'ERR_BATCHER_CLOSED';
  readonly batcher: string;
  readonly sent: boolean;

  constructor(batcher: string, sent: boolean) {
    super(
      `batcher "${batcher}" was closed ${sent ? 'before the answer came' : 'before this was sent'}`,
    );
    this.batcher = batcher;
    this.sent = sent;
  }
}

/** `process` did not settle in time. It may still have acted on the items. */
export class BatchTimeoutError extends Error {
  override readonly name = 'BatchTimeoutError';
  readonly code = 'ERR_BATCHER_TIMEOUT';
  readonly batcher: string;
  readonly timeoutMs: number;
  /** How many items the call had. */
  readonly size: number;

  constructor(batcher: string, timeoutMs: number, size: number) {
    super(`batcher "${batcher}": a batch of ${size} took longer than ${timeoutMs} ms`);
    this.batcher = batcher;
    this.timeoutMs = timeoutMs;
    this.size = size;
  }
}

/** One item alone is larger than a batch may be: nothing was sent. */
export class ItemTooLargeError extends Error {
  override readonly name = 'ItemTooLargeError';
  readonly code = 'ERR_BATCHER_ITEM_TOO_LARGE';
  readonly batcher: string;
  readonly bytes: number;
  readonly maxBytes: number;

  constructor(batcher: string, bytes: number, maxBytes: number) {
    super(`batcher "${batcher}": an item of ${bytes} bytes does not fit into maxBytes ${maxBytes}`);
    this.batcher = batcher;
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}

/** What `process` gave cannot be told apart by item; the whole batch gets this error. */
export class ResultShapeError extends TypeError {
  override readonly name = 'ResultShapeError';
  readonly code = 'ERR_BATCHER_RESULT_SHAPE';
  readonly batcher: string;

  constructor(batcher: string, complaint: string) {
    super(`batcher "${batcher}": ${complaint}`);
    this.batcher = batcher;
  }
}

/** `process` answered, but not for this item; the rest of the batch has its results. */
export class ResultMissingError extends Error {
  override readonly name = 'ResultMissingError';
  readonly code = 'ERR_BATCHER_RESULT_MISSING';
  readonly batcher: string;
  /** What was looked up: the item's `dedupeKey`, or the item itself. */
  readonly key: unknown;

  constructor(batcher: string, key: unknown) {
    super(`batcher "${batcher}": process gave no result for ${show(key)}`);
    this.batcher = batcher;
    this.key = key;
  }
}

/** A value as a message can show it: strings in quotes, objects by their kind. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'object' || value === null) return String(value);
  return `an instance of ${Object.getPrototypeOf(value)?.constructor?.name ?? 'no class'}`;
}
