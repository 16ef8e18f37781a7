import { duration, nonNegativeInteger, object, oneOf } from './check.ts';
import { type Counts, countNames } from './counts.ts';
import type { BreakerState } from './machine.ts';

/** A breaker's state as plain data, to be kept or sent to another process. */
export interface BreakerSnapshot {
  readonly state: BreakerState;
  /** Of an open breaker when it opened, of a closed one when its window began; ms since the epoch. */
  readonly sinceEpochMs: number;
  /** How long it stays open from then on, in ms; 0 when it is not open. */
  readonly openMs: number;
  /** How often in a row it has opened. */
  readonly timesOpened: number;
  readonly counts: Counts;
}

/** @throws TypeError or RangeError that names the field and the value */
export function checkSnapshot(snapshot: BreakerSnapshot): void {
  object('snapshot', snapshot);
  oneOf('state', snapshot.state, ['closed', 'open', 'half-open']);
  duration('sinceEpochMs', snapshot.sinceEpochMs, 0);
  duration('openMs', snapshot.openMs, 0);
  nonNegativeInteger('timesOpened', snapshot.timesOpened);
  object('counts', snapshot.counts);
  for (const field of countNames) nonNegativeInteger(`counts.${field}`, snapshot.counts[field]);
}
