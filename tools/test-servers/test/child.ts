import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of our fixtures to its end. */
export function runNode(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  signal = new AbortController().signal,
): Promise<Ended> {
  const options = {
    env: { ...process.env, NO_COLOR: '1', ...env },
    cwd: import.meta.dirname,
    killSignal: 'SIGKILL' as const,
    signal,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0;
      resolve({ code, stdout, stderr });
    });
  });
}

/** Starts a server in a process that is then killed; gives the server's process ids. */
export async function startInKilledParent(name: string, state: string): Promise<number[]> {
  const script = path.join(import.meta.dirname, 'fixtures/start.child.ts');
  const child = spawn(process.execPath, [script, name, state], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const ended = once(lines, 'close').then(() => {
    throw new Error(`${name} did not start`);
  });
  const [line] = await Promise.race([once(lines, 'line'), ended]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return JSON.parse(String(line));
}

/** True while the process is there and no zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && stat[stat.lastIndexOf(')') + 2] !== 'Z';
}

/** The addresses on which a process listens, as the kernel writes them. */
export async function listeners(pid: number): Promise<string[]> {
  const files = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(
    files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')),
  );
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8')),
  );
  const rows = tables
    .flatMap((text) => text.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/));
  // Columns: local address, state (0A: listens), inode of the socket.
  return rows
    .filter((row) => row[3] === '0A' && targets.includes(`socket:[${row[9]}]`))
    .map((row) => row[1] ?? '');
}

/** What a promise has become after a while: its value, its error, or `silence`. */
export async function outcomeAfter<T>(ms: number, promise: Promise<T>): Promise<T | 'silence'> {
  return Promise.race([promise, sleep(ms, 'silence' as const)]);
}
