import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allGone, childrenOf, signalled } from './processes.ts';

// Passed as text, because the user that runs the server may not be allowed to read our files; in a variable, because
// lists of processes show arguments.
const guard = readFileSync(path.join(import.meta.dirname, 'guard.sh'), 'utf8');

export interface GuardedOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Run as this user and group; only root can. Default: as this process. */
  readonly ids?: { readonly uid: number; readonly gid: number } | undefined;
  /** What stops the server kindly. Default: `TERM`. */
  readonly stopSignal?: 'TERM' | 'INT' | 'KILL';
  /** How long it may take after that before it is killed, in ms. Default: 10,000. */
  readonly graceMs?: number;
  /** Removed once the server has ended because we asked, or because this process ended; not after a crash. */
  readonly removeAtEnd?: string | undefined;
  /** What the server prints once it is ready. Default: it counts as ready at once. */
  readonly readyText?: string;
}

/** A server process that ends with this process. */
export interface GuardedProcess {
  /** Of the server itself, not of its guard. */
  readonly pid: number;
  /** Resolves with the exit code (128 + signal when a signal ended it) once the server is gone. */
  readonly exited: Promise<number>;
  /** The last 8,000 characters that it printed. */
  output(): string;
  /** False when it ended, or was killed because it was not ready within `timeoutMs`; its output says why. */
  isReady(timeoutMs: number): Promise<boolean>;
  /** SIGKILL to the server and its children; resolves once all are gone. */
  kill(): Promise<void>;
  /** SIGSTOP to the server and its children: connections stay open and nothing answers. */
  pause(): Promise<void>;
  /** Wakes what `pause` stopped. */
  resume(): Promise<void>;
  /** Stops it kindly, after `graceMs` by SIGKILL; resolves once it is gone. */
  stop(): Promise<void>;
}

/** Starts a server under a guard; resolves once the process is there, not when it is ready. */
export async function startGuarded(
  file: string,
  args: readonly string[],
  options: GuardedOptions,
): Promise<GuardedProcess> {
  const { stopSignal = 'TERM', graceMs = 10_000, removeAtEnd = '' } = options;
  const settings = [stopSignal, `${Math.ceil(graceMs / 100)}`, removeAtEnd];
  const child = spawn(
    '/bin/sh',
    ['-c', 'eval "$SERVER_GUARD"', 'guard', ...settings, file, ...args],
    {
      ...options.ids,
      cwd: options.cwd,
      env: { ...(options.env ?? process.env), SERVER_GUARD: guard },
      // Ctrl-C goes to us first, so that what uses the server can end before it.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    },
  );
  const output = new Output(child, options.readyText ?? '');
  child.stdin?.on('error', () => undefined); // the guard is gone: so is its server
  const exited = exitOf(child);
  const pid = await reportedPid(child);
  return new Guarded(child, pid, exited, output);
}

class Guarded implements GuardedProcess {
  readonly pid: number;
  readonly exited: Promise<number>;
  readonly #child: ChildProcess;
  readonly #output: Output;
  #asleep: number[] = [];

  constructor(child: ChildProcess, pid: number, exited: Promise<number>, output: Output) {
    this.#child = child;
    this.pid = pid;
    this.exited = exited;
    this.#output = output;
  }

  output(): string {
    return this.#output.tail;
  }

  async isReady(timeoutMs: number): Promise<boolean> {
    const late = new AbortController();
    const outcome = await Promise.race([
      this.#output.ready,
      this.exited,
      sleep(timeoutMs, undefined, { signal: late.signal }),
    ]);
    late.abort();
    if (outcome !== 'ready') await this.kill();
    return outcome === 'ready';
  }

  async kill(): Promise<void> {
    if (this.#isGone()) return;
    // Asleep it starts no further child while we look.
    signalled(this.pid, 'SIGSTOP');
    const all = [this.pid, ...(await childrenOf(this.pid))];
    if (!this.#isGone()) for (const pid of all) signalled(pid, 'SIGKILL');
    await this.exited;
    await allGone(all, 10_000);
  }

  async pause(): Promise<void> {
    if (this.#isGone()) throw new Error('the server is not running: there is nothing to pause');
    signalled(this.pid, 'SIGSTOP');
    this.#asleep = await childrenOf(this.pid);
    for (const pid of this.#asleep) signalled(pid, 'SIGSTOP');
  }

  async resume(): Promise<void> {
    if (this.#isGone()) throw new Error('the server is not running: there is nothing to resume');
    for (const pid of [...this.#asleep, this.pid]) signalled(pid, 'SIGCONT');
    this.#asleep = [];
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await this.exited;
  }

  #isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

class Output {
  tail = '';
  readonly ready: Promise<'ready'>;

  constructor(child: ChildProcess, readyText: string) {
    this.ready = new Promise((resolve) => {
      const add = (text: string) => {
        this.tail = (this.tail + text).slice(-8_000);
        if (this.tail.includes(readyText)) resolve('ready');
      };
      add('');
      child.stdout?.setEncoding('utf8').on('data', add);
      child.stderr?.setEncoding('utf8').on('data', add);
    });
  }
}

async function exitOf(child: ChildProcess): Promise<number> {
  const closed = new Promise((resolve) => child.once('close', resolve));
  const code = await new Promise<number>((resolve) => {
    child.once('exit', (status) => resolve(status ?? 137));
    child.once('error', () => resolve(127));
  });
  // Its last words; but a grandchild may hold the pipe open for longer.
  await Promise.race([closed, sleep(200, undefined, { ref: false })]);
  return code;
}

async function reportedPid(child: ChildProcess): Promise<number> {
  const report = child.stdio[3];
  const pid = report ? once(report, 'data').then(([text]) => Number(String(text))) : undefined;
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`/bin/sh exited ${code} before it started the server`);
  });
  // `once` also rejects with the error of a process that could not be started.
  failed.catch(() => undefined);
  return Promise.race(pid ? [pid, failed] : [failed]);
}
