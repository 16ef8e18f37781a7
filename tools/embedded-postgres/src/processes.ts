import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** True while the process is there and not a zombie that only waits to be reaped. */
export async function isAlive(pid: number): Promise<boolean> {
  if (!signalled(pid, 0)) return false;
  return process.platform !== 'linux' || (await statOf(pid))?.state !== 'Z';
}

/** Sends a signal; false when there is no such process any more. */
export function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    // A process that we may not signal is there all the same.
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return true;
    return false;
  }
}

/** Resolves once none of the processes is alive; false when some still are after `timeoutMs`. */
export async function allGone(pids: readonly number[], timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  for (const pid of pids) {
    while (await isAlive(pid)) {
      if (performance.now() > until) return false;
      await sleep(5);
    }
  }
  return true;
}

/** The direct children of a process. */
export async function childrenOf(parent: number): Promise<number[]> {
  const all = process.platform === 'linux' ? await fromProc() : await fromPs();
  return all.filter(({ ppid }) => ppid === parent).map(({ pid }) => pid);
}

interface Row {
  readonly pid: number;
  readonly ppid: number;
}

async function fromProc(): Promise<Row[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const rows = await Promise.all(
    pids.map(async (pid) => ({ pid, ppid: (await statOf(pid))?.ppid ?? -1 })),
  );
  return rows;
}

async function fromPs(): Promise<Row[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout.split('\n').map((line) => {
    const [pid = -1, ppid = -1] = line.trim().split(/\s+/).map(Number);
    return { pid, ppid };
  });
}

async function statOf(pid: number): Promise<{ state: string; ppid: number } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name of the program is in parentheses and may itself contain spaces and parentheses.
  const [state, ppid] = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
  return state && ppid ? { state, ppid: Number(ppid) } : undefined;
}
