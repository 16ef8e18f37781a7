/** The two times a cache needs. */
export interface Clock {
  /** Monotonic milliseconds: how old something is in this process. */
  now(): number;
  /** Milliseconds since 1970: the time that hosts agree on, written into L2. */
  wall(): number;
}

/**
 * A clock whose time can be read as a field. Asking the system for the time costs as much as a hit
 * in memory does, so hits read a time that a timer advances; whoever leaves the hit path calls
 * `read()`, which asks the system.
 */
export interface Ticker {
  readonly nowMs: number;
  /** The exact time; the field has it from then on. */
  read(): number;
  wall(): number;
  /** Says that one user fewer needs the time to advance. */
  release(): void;
}

/** How coarse the time of a hit is: an entry may be served this long past its ttl. */
const TICK_MS = 20;

class SystemTicker implements Ticker {
  nowMs = 0;
  #users = 0;
  #timer: NodeJS.Timeout | undefined;

  use(): this {
    this.#users += 1;
    this.#timer ??= setInterval(() => this.read(), TICK_MS).unref();
    this.read();
    return this;
  }

  read(): number {
    // Whole milliseconds since the process began are small integers, which V8 keeps unboxed.
    this.nowMs = Math.trunc(performance.now());
    return this.nowMs;
  }

  wall(): number {
    return Date.now();
  }

  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

class GivenTicker implements Ticker {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get nowMs(): number {
    return this.#clock.now();
  }

  read(): number {
    return this.#clock.now();
  }

  wall(): number {
    return this.#clock.wall();
  }

  release(): void {}
}

const system = new SystemTicker();

/** The given clock, or the system's: one timer for all caches of the process, which never keeps it alive. */
export function tickerOf(clock: Clock | undefined): Ticker {
  return clock ? new GivenTicker(clock) : system.use();
}
