import { setTimeout as wait } from 'node:timers/promises';
import { reasonOf } from './start-error.ts';

/** A process of ours while it runs. */
export interface Running {
  /** Resolves when the process ended, whoever ended it, with the reason in words. */
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

export type PartState = 'stopped' | 'starting' | 'running' | 'stopping' | 'restarting';

export interface PartOptions {
  /** What a reader knows it by, e.g. "user-service". */
  readonly name: string;
  /** Resolves once the process is ready for use; `signal` says that nobody wants it any more. */
  start(signal: AbortSignal): Promise<Running>;
  /** Tells a reader what happened. */
  say(line: string): void;
  /** Default: the real time. */
  readonly time?: PartTime;
}

export interface PartTime {
  now(): number;
  /** Rejects when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<unknown>;
}

const realTime: PartTime = {
  now: () => performance.now(),
  wait: (ms, signal) => wait(ms, undefined, { signal }),
};
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const STEADY_AFTER_MS = 60_000;

/**
 * A process that the house keeps running until it is stopped on purpose.
 * A process that ends by itself is started again, each time after a pause twice as long, up to 10 s;
 * the pause is short again once the process has lasted a minute. It never gives up: what the process
 * needs (a database that somebody stopped) may come back at any time.
 */
export class Part {
  readonly name: string;
  readonly #options: PartOptions;
  readonly #time: PartTime;
  #state: PartState = 'stopped';
  #running: Running | undefined;
  #wanted = new AbortController();
  #lastTurn: Promise<unknown> = Promise.resolve();
  #restarts = 0;
  #attempt = 0;

  constructor(options: PartOptions) {
    this.name = options.name;
    this.#options = options;
    this.#time = options.time ?? realTime;
  }

  get state(): PartState {
    return this.#state;
  }

  /** How many times the process was started again after it ended by itself. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Starts the process unless it runs; rejects, and leaves it stopped, when that fails. */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#running) return;
      this.#wanted.abort();
      this.#wanted = new AbortController();
      await this.#launch(this.#wanted.signal).catch((error) => {
        this.#state = 'stopped';
        throw error;
      });
    });
  }

  /** Stops the process, also while it starts or waits to be started again. */
  stop(): Promise<void> {
    this.#wanted.abort();
    return this.#inTurn(async () => {
      const running = this.#running;
      this.#running = undefined;
      this.#state = 'stopping';
      try {
        await running?.stop();
      } finally {
        this.#state = 'stopped';
      }
    });
  }

  /** Starting and stopping never overlap: whoever asks second waits for the first. */
  #inTurn(action: () => Promise<void>): Promise<void> {
    const turn = this.#lastTurn.then(action);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  async #launch(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#state = 'starting';
    const running = await this.#options.start(signal);
    this.#running = running;
    this.#state = 'running';
    const startedMs = this.#time.now();
    void running.exited.then((reason) => {
      if (this.#running !== running) return; // stopped on purpose
      this.#running = undefined;
      if (this.#time.now() - startedMs >= STEADY_AFTER_MS) this.#attempt = 0;
      void this.#startAgain(reason, signal);
    });
  }

  async #startAgain(reason: string, signal: AbortSignal): Promise<void> {
    const pauseMs = restartPauseMs(this.#attempt);
    this.#attempt += 1;
    this.#state = 'restarting';
    this.#options.say(
      `${this.name} ended by itself (${reason}); starting it again in ${pauseMs / 1000} s`,
    );
    const failure = await this.#time
      .wait(pauseMs, signal)
      .then(() => this.#inTurn(() => this.#launch(signal)))
      .then(() => undefined, reasonOf);
    if (signal.aborted) return;
    if (failure !== undefined) return this.#startAgain(failure, signal);
    this.#restarts += 1;
    this.#options.say(`${this.name} is back`);
  }
}

function restartPauseMs(attempt: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
}
