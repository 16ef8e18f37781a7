import { randomInt, randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type GuardedProcess, startGuarded } from '@shopgpt/embedded-postgres/guarded-process';
import type { Binary } from './find.ts';
import type { Life } from './server.ts';

/** A path for the data of one server, in the temporary folder of the machine. */
export function throwAwayPath(name: string): string {
  return path.join(
    os.tmpdir(),
    `shopgpt-${name.toLowerCase().replaceAll(' ', '-')}-${randomUUID()}`,
  );
}

/** A free port below the range from which the system takes ports for outgoing connections. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** Tries a start on several ports: another process may take one between our look and the server's. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      const isTaken = /address already in use|is taken/i.test(String(error));
      if (!isTaken || attempt === 5) throw error;
    }
  }
}

export interface Daemon {
  readonly name: string;
  readonly binary: Binary;
  readonly args: readonly string[];
  /** Its working directory: made when missing, removed with the server. */
  readonly folder: string;
  readonly readyText: string;
}

const startMs = 30_000;

/** Starts a server that ends with this process; resolves once it says that it is ready. */
export async function startDaemon(daemon: Daemon): Promise<Life> {
  const { name, binary, args, folder, readyText } = daemon;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const server = await startGuarded(binary.file, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', ...binary.env },
    // The data are thrown away: nothing to write down first.
    stopSignal: 'KILL',
    removeAtEnd: folder,
    readyText,
  });
  if (await server.isReady(startMs)) return withoutFolder(server, folder);
  await rm(folder, { recursive: true, force: true });
  throw new Error(`${name} did not start (${binary.file}): ${server.output().trim()}`);
}

/** Stopped for good it leaves nothing, even when it had been killed before. */
function withoutFolder(server: GuardedProcess, folder: string): Life {
  return {
    pid: server.pid,
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
