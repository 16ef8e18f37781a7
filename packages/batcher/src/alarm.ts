import type { Clock } from './clock.ts';

/** Rings once, in the turn of the event loop after a time of the clock, unless it is called off. */
export class Alarm {
  #onRing: (() => void) | undefined;
  readonly #stopTimer: (() => void) | undefined;

  /** @param atMs may be over, or never come */
  constructor(clock: Required<Clock>, atMs: number, onRing: () => void) {
    this.#onRing = onRing;
    const leftMs = atMs - clock.now();
    // After a blocked event loop the alarm is due before an answer, which may lie in the socket, is
    // read: one more turn of the loop reads it.
    const ring = () => void setImmediate(() => this.#onRing?.());
    if (leftMs <= 0) ring();
    else if (leftMs < Number.POSITIVE_INFINITY) this.#stopTimer = clock.after(leftMs, ring);
  }

  /** Also lets go of what `onRing` holds. */
  callOff(): void {
    this.#onRing = undefined;
    this.#stopTimer?.();
  }
}
