import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

const bin = path.resolve(import.meta.dirname, '../bin/shopgpt-messaging.js');

/** What a run of the command came to. */
export interface Run {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Command = ChildProcessByStdio<null, Readable, Readable>;

/** Runs the command as it is installed, and kills it when it takes too long. */
export function dlq(...args: readonly string[]): Promise<Run> {
  return ended(start(args));
}

/** As `dlq`, but sends it a signal as soon as it says something; what it says next is read only then. */
export async function dlqUntil(
  signal: 'SIGINT' | 'SIGKILL',
  ...args: readonly string[]
): Promise<Run> {
  const child = start(args);
  await once(child.stdout, 'readable');
  child.kill(signal);
  return ended(child);
}

function start(args: readonly string[]): Command {
  const argv = ['--conditions=@shopgpt/source', bin, 'dlq', ...args];
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  return spawn(process.execPath, argv, { stdio: [...stdio], timeout: 50_000 });
}

async function ended(child: Command): Promise<Run> {
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, stdout, stderr };
}
