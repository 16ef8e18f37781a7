import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished } from 'vitest';
import type { ClosingOptions, FromClosing } from './closing.child.ts';
import { forkChild } from './fork-child.ts';

/** How a process came to its end. */
export interface Ending {
  /** How long `close` took. */
  readonly tookMs: number;
  /** Sends under way that have no answer by then. */
  readonly unanswered: number;
  /** How long the process lived on after that. */
  readonly lingeredMs: number;
  /** 0 only when it ended by itself, with no rejection that nobody handled. */
  readonly code: number | null;
}

/** A process that is about to close. */
export class Closing {
  readonly #child: ChildProcess;
  readonly #heard: FromClosing[] = [];
  readonly #gone: Promise<[number | null]>;
  #closedMs = 0;

  constructor(options: ClosingOptions) {
    this.#child = forkChild('closing.child.ts', options);
    this.#gone = once(this.#child, 'exit') as Promise<[number | null]>;
    this.#child.on('message', (message: FromClosing) => {
      this.#heard.push(message);
      if (message.kind === 'closed') this.#closedMs = performance.now();
    });
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  /** Waits until it has told so, so often. */
  async until(kind: FromClosing['kind'], times = 1): Promise<void> {
    const count = () => this.#heard.filter((one) => one.kind === kind).length;
    await expect.poll(count, { timeout: 30_000 }).toBeGreaterThanOrEqual(times);
  }

  async close(): Promise<Ending> {
    this.#child.send('close');
    const [code] = await this.#gone;
    const lingeredMs = performance.now() - this.#closedMs;
    const closed = this.#heard.find((one) => one.kind === 'closed');
    if (closed?.kind !== 'closed') throw new Error(`it ended with ${code} before it was closed`);
    const { tookMs, unanswered } = closed;
    return { tookMs: Math.round(tookMs), unanswered, lingeredMs: Math.round(lingeredMs), code };
  }
}
