import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { forkChild } from './fork-child.ts';
import type { Entry, Journal } from './journal.ts';
import type { MemberOptions } from './member.ts';

/** A member in a process of its own. */
export class Mate {
  readonly member: string;
  readonly #child: ChildProcess;
  readonly #journal: Journal;
  readonly #gone: Promise<unknown>;
  #ended = 0;
  #killAt = Number.POSITIVE_INFINITY;

  constructor(options: MemberOptions, journal: Journal) {
    this.member = options.member;
    this.#journal = journal;
    this.#child = forkChild('member.child.ts', options);
    this.#gone = once(this.#child, 'exit');
    this.#child.on('message', (entry: Entry) => this.#hear(entry));
    onTestFinished(() => this.#kill());
  }

  /** Kills it as soon as so many more messages are dealt with: after the work of the last, before its commit. */
  async killAfter(messages: number): Promise<void> {
    this.#killAt = this.#ended + messages;
    await this.#gone;
  }

  #hear(entry: Entry): void {
    this.#journal.add(entry);
    if (entry.kind === 'handled' || entry.kind === 'poisoned') this.#ended += 1;
    if (this.#ended >= this.#killAt) void this.#kill();
  }

  async #kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
    this.#journal.died(this.member);
  }
}
