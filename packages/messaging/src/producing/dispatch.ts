import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../clock.ts';
import type { Backlog } from './backlog.ts';

/** What a dispatch is made of. */
export interface DispatchParts {
  readonly clock: Clock;
  readonly lingerMs: number;
  readonly maxBatchBytes: number;
  readonly offer: (backlog: Backlog) => void;
  /** At the end of each tick in which something came. */
  readonly onTick: () => void;
}

/** Decides when a backlog is offered to the driver: at the end of the tick, or after it has lingered. */
export class Dispatch {
  readonly #parts: DispatchParts;
  #listed: Backlog[] = [];
  #isAwake = false;
  #callOffLinger: (() => void) | undefined;
  /** Outside of any caller's async context: what the driver does for a batch is nobody's alone. */
  readonly #tick: () => void;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
    this.#tick = AsyncResource.bind(() => this.#endOfTick());
  }

  /** Something waits there. */
  list(backlog: Backlog): void {
    if (backlog.isListed) return;
    backlog.isListed = true;
    this.#listed.push(backlog);
    this.wake();
  }

  /** Looks at everything once the current tick of the event loop is over. */
  wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    setImmediate(this.#tick);
  }

  /** Offers all that waits, however short it has lingered. */
  offerAll(): void {
    this.#callOffLinger?.();
    this.#callOffLinger = undefined;
    for (const backlog of this.#takeList()) this.#offer(backlog);
  }

  #endOfTick(): void {
    this.#isAwake = false;
    const { lingerMs, clock, onTick } = this.#parts;
    if (lingerMs === 0) this.offerAll();
    else this.#offerRipe();
    if (lingerMs > 0 && this.#listed.length > 0) {
      this.#callOffLinger ??= clock.after(lingerMs, () => this.offerAll());
    }
    onTick();
  }

  #offerRipe(): void {
    for (const backlog of this.#takeList()) {
      const isRipe = backlog.isRipe || backlog.line.bytes >= this.#parts.maxBatchBytes;
      if (isRipe) this.#offer(backlog);
      else this.list(backlog);
    }
  }

  #takeList(): readonly Backlog[] {
    const listed = this.#listed;
    this.#listed = [];
    for (const backlog of listed) backlog.isListed = false;
    return listed;
  }

  #offer(backlog: Backlog): void {
    if (backlog.line.size > 0) this.#parts.offer(backlog);
  }
}
