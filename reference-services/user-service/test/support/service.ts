import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

const root = path.resolve(import.meta.dirname, '../..');
const endWithParent = new URL('./end-with-parent.ts', import.meta.url).href;

export const apiToken = 'a-token-for-tests-only';

/** What an answer looks like to a test. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly ms: number;
}

export interface CallOptions {
  /** Sent as JSON; a string as it is. */
  readonly json?: unknown;
  /** `undefined`: none. Default: the right one. */
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A process of the service. */
export class Service {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #lines: string[];

  constructor(url: string, child: ChildProcess, lines: string[]) {
    this.url = url;
    this.#child = child;
    this.#lines = lines;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Everything it has written so far, to stdout and stderr. */
  get output(): string {
    return this.#lines.join('\n');
  }

  /** From now on its log has no reader: each line fails. */
  hangUp(): void {
    this.#child.stdout?.destroy();
  }

  /** From now on nobody reads its log: it fills what is between. */
  stopReading(): void {
    this.#child.stdout?.removeAllListeners('data').pause();
  }

  async call(method: string, pathname: string, options: CallOptions = {}): Promise<Answer> {
    const { json, headers } = options;
    const token = 'token' in options ? options.token : apiToken;
    const startedAtMs = performance.now();
    const response = await fetch(`${this.url}${pathname}`, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json !== undefined && { body: typeof json === 'string' ? json : JSON.stringify(json) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text ? JSON.parse(text) : {},
      ms: performance.now() - startedAtMs,
    };
  }

  get(pathname: string, options?: CallOptions): Promise<Answer> {
    return this.call('GET', pathname, options);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** The exit code, once it has ended. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, 'exit');
    }
    return this.#child.exitCode;
  }

  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return this.ended();
  }
}

/** Starts the service from its sources and waits until it says that it listens. */
export async function startService(env: Readonly<Record<string, string>>): Promise<Service> {
  const { child, lines } = spawnService(env);
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`exited ${code}: ${lines.join('\n')}`)));
    onLine(child, (line) => {
      if (line.includes('"msg":"listening"')) resolve(JSON.parse(line).url);
    });
  });
  return new Service(url, child, lines);
}

/** Runs the service until it ends by itself. */
export async function runService(env: Readonly<Record<string, string>>) {
  const { child, lines } = spawnService(env);
  const [code] = await once(child, 'close');
  return { code: Number(code), output: lines.join('\n') };
}

function spawnService(env: Readonly<Record<string, string>>) {
  const { PATH = '' } = process.env;
  const args = ['--conditions=@shopgpt/source', '--import', endWithParent, 'src/main.ts'];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH, PORT: '0', API_TOKEN: apiToken, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  onLine(child, (line) => lines.push(line));
  return { child, lines };
}

function onLine(child: ChildProcess, listener: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', listener);
  }
}
