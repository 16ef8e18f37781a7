import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { findPackageJSON } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { readLogLine, WARNING } from './log-line.ts';
import type { Running } from './part.ts';
import { reasonOf, StartError } from './start-error.ts';

export interface ServiceOptions {
  /** What a reader knows it by. */
  readonly name: string;
  /** The folder of its package; it is started by its contract, its code is not imported. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gets what the service warns of. */
  say(line: string): void;
}

const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 3000;
const MAX_TROUBLES = 5;
const REPEAT_AFTER_MS = 10_000;
/** Of a crash the message is shown, not the stack. */
const STACK_LINE = /^\s*$|^\s+at |^Node\.js v/;
const endWithParent = pathToFileURL(path.join(import.meta.dirname, 'end-with-parent.ts')).href;

/** Where npm put a package. */
export function packageFolder(packageName: string): string {
  const manifest = findPackageJSON(packageName, import.meta.url);
  if (!manifest) throw new StartError('ERR_HOUSE_SERVICE', `${packageName} is not installed`);
  return path.dirname(manifest);
}

/**
 * Starts a service in a process of its own and waits until it says that it listens.
 *
 * @throws StartError when it ends, or says nothing for 30 s, before that
 */
export async function startService(options: ServiceOptions, signal: AbortSignal): Promise<Running> {
  const child = spawnService(options);
  const exited = exitOf(child);
  const stop = () => stopChild(child, exited);
  const { ready, troubles } = listen(child, options);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(READY_WITHIN_MS)]);
  const outcome = await Promise.race([ready, exited, aborted(limit)]);
  if (outcome === 'ready') return { exited, stop };
  await stop();
  signal.throwIfAborted();
  const why = troubles.length > 0 ? `:\n${troubles.join('\n')}` : '';
  throw new StartError('ERR_HOUSE_SERVICE', `${options.name} did not start (${outcome})${why}`);
}

function spawnService({ folder, env }: ServiceOptions): ChildProcess {
  const args = ['--conditions=@shopgpt/source', '--disable-warning=ExperimentalWarning'];
  return spawn(process.execPath, [...args, '--import', endWithParent, 'src/main.ts'], {
    cwd: folder,
    env,
    // Ctrl-C goes to the whole process group; the house alone decides in which order its parts end.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
}

/** Follows what the service prints: whether it is ready, what went wrong before, and warnings after. */
function listen(child: ChildProcess, { name, say }: ServiceOptions) {
  const troubles: string[] = [];
  const { promise: ready, resolve } = Promise.withResolvers<'ready'>();
  let isReady = false;
  const tell = withoutRepeats((text) => say(`${name}: ${text}`));
  const hear = (line: string) => {
    const { level, message, text } = readLogLine(line);
    if (message === 'listening') {
      isReady = true;
      troubles.forEach(tell);
      resolve('ready');
    }
    if (level < WARNING || STACK_LINE.test(line)) return;
    if (isReady) tell(text);
    else if (troubles.length < MAX_TROUBLES) troubles.push(text);
  };
  for (const input of [child.stdout, child.stderr]) {
    if (input) createInterface({ input }).on('line', hear);
  }
  return { ready, troubles };
}

/** An outage makes the same warning for each request; one of them is enough for a while. */
function withoutRepeats(say: (text: string) => void): (text: string) => void {
  let last = { text: '', untilMs: 0 };
  return (text) => {
    if (text === last.text && performance.now() < last.untilMs) return;
    last = { text, untilMs: performance.now() + REPEAT_AFTER_MS };
    say(text);
  };
}

/** Resolves once the process is gone and all that it printed was read. */
async function exitOf(child: ChildProcess): Promise<string> {
  try {
    const [code, killer] = await once(child, 'close');
    return killer ? `killed by ${killer}` : `exit code ${code}`;
  } catch (error) {
    return reasonOf(error);
  }
}

async function stopChild(child: ChildProcess, exited: Promise<string>): Promise<void> {
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await exited;
  clearTimeout(late);
}

async function aborted(signal: AbortSignal): Promise<string> {
  if (!signal.aborted) await once(signal, 'abort');
  return `not ready within ${READY_WITHIN_MS / 1000} s`;
}
