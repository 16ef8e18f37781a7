import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

export interface Who {
  readonly uid: number;
  readonly gid: number;
}

export interface HouseOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the checkout of this test. */
  readonly checkout?: string;
  /** Default: who runs the test. */
  readonly who?: Who | undefined;
  /** Start it as a reader does, with `npm start`; default: its program at once. */
  readonly viaNpm?: boolean;
}

export interface End {
  /** The exit code, or the signal that ended it. */
  readonly how: number | NodeJS.Signals;
  readonly tookMs: number;
}

export const checkout = path.resolve(import.meta.dirname, '../../..');
const main = 'reference-services/house/src/main.ts';
const flags = ['--conditions=@shopgpt/source', '--disable-warning=ExperimentalWarning'];

/** A test that fails half-way leaves nothing behind either: what a house started ends with it. */
const running = new Set<HouseProcess>();
afterAll(async () => {
  await Promise.all([...running].map((house) => house.kill('SIGKILL')));
});

/** A house in processes of its own: what a reader sees of it. */
export class HouseProcess {
  readonly #child;
  readonly #exited: Promise<number | NodeJS.Signals>;
  stdout = '';
  stderr = '';

  constructor({ env, checkout: cwd = checkout, who, viaNpm = false }: HouseOptions) {
    const [program, args] = viaNpm ? ['npm', ['start']] : [process.execPath, [...flags, main]];
    this.#child = spawn(program, args, {
      cwd,
      env: { ...cleanEnv(who), ...env },
      ...who,
      // A process group of its own, as a terminal gives to a command.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.#child.stderr.on('data', (chunk) => {
      this.stderr += chunk;
    });
    running.add(this);
    this.#exited = once(this.#child, 'exit').then(([code, signal]) => {
      running.delete(this);
      return signal ?? code;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves once the greeting is there; rejects with everything printed when it ends before. */
  async ready(): Promise<this> {
    const printed = (async () => {
      while (!this.stdout.includes('Ctrl-C ends everything.'))
        await once(this.#child.stdout, 'data');
      return 'ready';
    })();
    const outcome = await Promise.race([printed, this.#exited]);
    if (outcome === 'ready') return this;
    throw new Error(`the house ended (${outcome}):\n${this.stdout}\n${this.stderr}`);
  }

  /** Resolves with how it ended, by itself or after a signal. */
  async end(): Promise<End> {
    const startedMs = performance.now();
    const how = await this.#exited;
    return { how, tookMs: performance.now() - startedMs };
  }

  /** As the terminal does: to the whole process group. */
  async ctrlC(): Promise<End> {
    if (this.#child.exitCode === null) process.kill(-this.pid, 'SIGINT');
    return this.end();
  }

  /** As a terminal that is closed does: nobody reads any more, and the whole process group is told. */
  hangUp(): void {
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    process.kill(-this.pid, 'SIGHUP');
  }

  kill(signal: NodeJS.Signals): Promise<End> {
    this.#child.kill(signal);
    return this.end();
  }
}

/** Nothing of the test run, nor of the machine, configures the house. */
function cleanEnv(who: Who | undefined): Record<string, string | undefined> {
  const { PATH = '', LANG, HOME } = process.env;
  const folders = PATH.split(':').filter((folder) => !folder.includes('node_modules'));
  return {
    PATH: folders.join(':'),
    LANG,
    HOME: who ? '/nonexistent' : HOME,
    npm_config_update_notifier: 'false',
  };
}

/** A folder of its own and free ports. */
export interface Place {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  remove(): void;
}

export async function makePlace(): Promise<Place> {
  const folder = mkdtempSync(path.join(tmpdir(), 'house-'));
  chmodSync(folder, 0o755);
  const [house, users] = await freePorts(2);
  const env = {
    SHOPGPT_DATA_DIR: path.join(folder, 'data'),
    HOUSE_PORT: `${house}`,
    USER_SERVICE_PORT: `${users}`,
  };
  return { folder, env, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A place that is removed after the test. */
export async function ownPlace(): Promise<Place> {
  const place = await makePlace();
  onTestFinished(() => place.remove());
  return place;
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}
