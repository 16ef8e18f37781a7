/** Times are in ms of the clock that all processes of a machine share. */
interface Interval {
  readonly process: number;
  readonly begin: number;
  readonly end: number;
}

/** Somebody asked the cache and was given a version. */
export interface Read extends Interval {
  readonly kind: 'read';
  readonly row: number;
  readonly version: number;
}

/** Somebody changed a row to this version before `begin`, and told the cache between `begin` and `end`. */
export interface Write extends Interval {
  readonly kind: 'write';
  readonly row: number;
  readonly version: number;
  readonly acknowledged: boolean;
}

/** No write of the process waits for L2 any more. */
export interface Settled {
  readonly kind: 'settled';
  readonly process: number;
  readonly at: number;
}

/** The process may not have heard the others. */
export interface Deaf extends Interval {
  readonly kind: 'deaf';
}

export type Event = Read | Write | Settled | Deaf;

/** The time of all processes of this machine, in ms. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
