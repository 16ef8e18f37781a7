import { DriverError } from '../errors.ts';
import type { Flight } from './flight.ts';
import type { Batch, Lane } from './lane.ts';
import { hasLostSequence, isRetriable, isUnsure } from './produce-codes.ts';
import { codes } from './protocol.ts';
import { messageOf } from './wire.ts';

const retryMs = 50;
const maxRetryMs = 1_000;

/** What a lane's batch is judged by. */
export interface Court {
  readonly nowMs: number;
  readonly errorOf: (code: number) => Error;
  /** Why nothing is tried again; undefined while the producer is open. */
  readonly closed: Error | undefined;
}

/** Ends a lane's part in a flight. Returns whether what we know of the cluster may be old. */
export function settle(lane: Lane, flight: Flight, { nowMs, errorOf, closed }: Court): boolean {
  const batch = lane.head;
  if (!batch) return false;
  const { code, baseOffset, cause, hasLeft } = flight.outcomeOf(lane);
  if (code === codes.none || code === codes.duplicateSequence) {
    lane.written(baseOffset < 0 ? undefined : baseOffset);
    return false;
  }
  if (code === undefined ? hasLeft : isUnsure(code)) batch.isMaybeWritten = true;
  const error = driverError(code === undefined ? cause : errorOf(code));
  if (closed) lane.giveUp(closed);
  else if (mayTryAgain(lane, batch, code, error)) backOff(lane, batch, nowMs);
  else lane.giveUp(error);
  return true;
}

function mayTryAgain(
  lane: Lane,
  batch: Batch,
  code: number | undefined,
  error: DriverError,
): boolean {
  if (code === undefined) return error.isRetriable;
  if (code === codes.tooLarge || code === codes.listTooLarge) return lane.split();
  if (!hasLostSequence(code)) return isRetriable(code);
  if (batch.isMaybeWritten) return false;
  lane.endEpoch();
  return true;
}

function backOff(lane: Lane, batch: Batch, nowMs: number): void {
  // The halves of a batch that was too large are new ones and go at once.
  if (lane.head !== batch) return;
  const waitMs = Math.min(retryMs * 2 ** Math.min(batch.attempts, 10), maxRetryMs);
  batch.attempts += 1;
  lane.notBeforeMs = nowMs + waitMs;
}

function driverError(cause: unknown): DriverError {
  if (cause instanceof DriverError) return cause;
  const isRetriable = !(cause instanceof TypeError);
  return new DriverError(messageOf(cause), { isRetriable, cause });
}
