import { type Clock, endOfTick } from './clock.ts';

/** Rings once, `ms` milliseconds after it was made, unless it is called off. */
export class Alarm {
  readonly #clock: Required<Clock>;
  readonly #atMs: number;
  #onRing: (() => void) | undefined;
  #stopTimer: (() => void) | undefined;

  constructor(clock: Required<Clock>, ms: number, onRing: () => void) {
    this.#clock = clock;
    this.#atMs = clock.now() + ms;
    this.#onRing = onRing;
    // A timer is dear: one is set only when the alarm outlives its tick.
    if (ms !== Number.POSITIVE_INFINITY) endOfTick(() => this.#set());
  }

  /** Also lets go of what `onRing` holds. */
  callOff(): void {
    this.#onRing = undefined;
    this.#stopTimer?.();
  }

  #set(): void {
    if (!this.#onRing) return;
    const leftMs = this.#atMs - this.#clock.now();
    // After a blocked event loop the alarm is due before an answer, which may lie in the socket, is
    // read: one more turn of the loop reads it.
    const ring = () => void setImmediate(() => this.#onRing?.());
    if (leftMs > 0) this.#stopTimer = this.#clock.after(leftMs, ring);
    else ring();
  }
}
