import type { Batch } from './batch.ts';
import { Line, type Standing } from './line.ts';

/** The batches of one group: ripe ones in the order of leaving, and the one that still grows. */
export class Lane<Item, Result> implements Standing<Lane<Item, Result>> {
  ahead: Lane<Item, Result> | undefined = undefined;
  behind: Lane<Item, Result> | undefined = undefined;
  readonly group: unknown;
  /** Takes new items. It can be ripe: then it grows until a slot is free. */
  open: Batch<Item, Result> | undefined = undefined;
  readonly ripe: Line<Batch<Item, Result>> = new Line();
  /** Calls in batches that have not left. */
  waiting = 0;
  inFlight = 0;
  /** It stands in the dispatcher's line of lanes that have something to send. */
  isCalled = false;

  constructor(group: unknown) {
    this.group = group;
  }

  get isIdle(): boolean {
    return !this.open && !this.ripe.first && this.inFlight === 0;
  }

  /** The batches that have not left. */
  *batches(): Generator<Batch<Item, Result>, void> {
    yield* this.ripe;
    if (this.open && !this.open.isRipe) yield this.open;
  }
}
