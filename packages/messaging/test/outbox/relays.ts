import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { ToParent } from './relay-messages.ts';

/** Processes of a test; those that are left are killed after it. */
export class Processes {
  readonly #all = new Set<ChildProcess>();

  constructor() {
    onTestFinished(() => this.killAll());
  }

  start(file: string, args: readonly string[]): ChildProcess {
    const child = fork(path.join(import.meta.dirname, file), args, {
      execArgv: ['--conditions=@shopgpt/source', '--no-warnings'],
    });
    this.#all.add(child);
    child.once('exit', () => this.#all.delete(child));
    return child;
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.#all].map(kill));
  }
}

/** Processes with a relay each, and which of them leads. */
export class Relays {
  readonly #processes = new Processes();
  readonly #args: readonly string[];
  readonly #written: (child: ChildProcess, message: Write) => void;
  leader: ChildProcess | undefined;

  /** @param written called with what is sent, unless that goes to brokers */
  constructor(
    { url, table, partitions, brokers = '' }: RelaysOptions,
    written: (child: ChildProcess, message: Write) => void = () => undefined,
  ) {
    this.#args = [url, table, `${partitions}`, brokers];
    this.#written = written;
  }

  start(): void {
    const child = this.#processes.start('relay.child.ts', this.#args);
    child.on('message', (message: ToParent) => {
      if (message.kind === 'write') this.#written(child, message);
      else if (message.kind === 'leads') this.leader = child;
      else if (this.leader === child) this.leader = undefined;
    });
    child.once('exit', () => {
      if (this.leader === child) this.leader = undefined;
    });
  }

  /** Kills the one that leads, and has another process begin in its place. */
  async replaceLeader(): Promise<void> {
    if (this.leader) await kill(this.leader);
    this.start();
  }
}

export type Write = Extract<ToParent, { kind: 'write' }>;

interface RelaysOptions {
  readonly url: string;
  readonly table: string;
  readonly partitions: number;
  readonly brokers?: string;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
