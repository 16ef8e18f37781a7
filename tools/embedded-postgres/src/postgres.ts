import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { binaries } from './binaries.ts';
import { clearStaleLock, dataFolder, dataInUse, serverEnv } from './data-folder.ts';
import { EmbeddedPostgresError } from './errors.ts';
import { type GuardedProcess, startGuarded } from './guarded-process.ts';
import { type Identity, serverIdentity } from './identity.ts';

export interface PostgresOptions {
  /** The folder of the data; created the first time, kept afterwards. */
  readonly dataDir: string;
  /** Port on 127.0.0.1. */
  readonly port: number;
  /** Password of `user`; set when the data are created. */
  readonly password: string;
  /** Superuser; made when the data are created. Default: `postgres`. */
  readonly user?: string;
  /**
   * Where a copy of the binaries is kept when those in `node_modules` cannot be used in place. Default:
   * `/var/cache/shopgpt` for root, otherwise `$XDG_CACHE_HOME/shopgpt` or `~/.cache/shopgpt`.
   */
  readonly cacheDir?: string;
  /** Settings as in postgresql.conf, e.g. `{ max_connections: 50 }`. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Data for a test: not flushed to the disk, and removed by `stop` or with this process. Default: false. */
  readonly throwAway?: boolean;
}

/** A PostgreSQL that ends with this process. */
export interface Postgres {
  /** With user and password; its database is `postgres`. */
  readonly url: string;
  /** Of PostgreSQL's main process. */
  readonly pid: number;
  /** Resolves with the exit code (128 + signal when a signal ended it) once the server is gone. */
  readonly exited: Promise<number>;
  /** SIGKILL to all its processes; resolves once they are gone. The data stay. */
  kill(): Promise<void>;
  /** SIGSTOP to all its processes: connections stay open and nothing answers. */
  pause(): Promise<void>;
  /** Wakes what `pause` stopped. */
  resume(): Promise<void>;
  /** Ends open transactions and connections and shuts down; by SIGKILL when that takes longer than 4 s. */
  stop(): Promise<void>;
}

/** Stopping kindly takes well under a second; a stuck disk must not hold up the end of `npm start`. */
const graceMs = 4_000;
const startMs = 60_000;
const remainsMs = 5_000;

/**
 * Starts a PostgreSQL, on loopback only, and creates its data the first time; resolves once it accepts connections.
 *
 * @throws EmbeddedPostgresError when the platform, the folder, the port or the data do not allow it
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { port, password, user = 'postgres', cacheDir, throwAway: isThrowAway = false } = options;
  const asked = path.resolve(options.dataDir);
  const ids = await serverIdentity(asked);
  const native = await binaries(ids !== undefined, cacheDir);
  const cluster = { native, dataDir: asked, user, password, ids, cacheDir, isThrowAway };
  const dataDir = await dataFolder(cluster);
  await clearStaleLock(dataDir);
  const launch = { native, dataDir, ids, isThrowAway, args: serverArgs(options, dataDir), port };
  const server = await startPatiently(launch);
  return {
    url: `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`,
    pid: server.pid,
    exited: server.exited,
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    stop: async () => {
      await server.stop();
      // PostgreSQL's user may empty its folder, but not always take it away.
      if (isThrowAway) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function serverArgs({ port, settings, throwAway }: PostgresOptions, dataDir: string): string[] {
  const all = {
    ...(throwAway ? { fsync: 'off' } : {}),
    ...settings,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
  };
  const pairs = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', dataDir, '-p', `${port}`, ...pairs];
}

interface Launch {
  readonly native: string;
  readonly dataDir: string;
  readonly ids: Identity | undefined;
  readonly isThrowAway: boolean;
  readonly args: readonly string[];
  readonly port: number;
}

/** After a SIGKILL of the server its children need a moment to notice; until then the data are theirs. */
async function startPatiently(launch: Launch): Promise<GuardedProcess> {
  const until = performance.now() + remainsMs;
  for (;;) {
    const result = await start(launch);
    if (typeof result !== 'string') return result;
    const isHeldByRemains = result.includes('pre-existing shared memory block');
    if (!isHeldByRemains || performance.now() > until) throw refusal(result, launch);
    await sleep(100);
  }
}

/** The server once it is ready, or its last words. */
async function start(launch: Launch): Promise<GuardedProcess | string> {
  const { native, dataDir, ids, isThrowAway, args } = launch;
  const server = await startGuarded(path.join(native, 'bin/postgres'), args, {
    cwd: dataDir,
    env: serverEnv(),
    ids,
    stopSignal: 'INT',
    graceMs,
    removeAtEnd: isThrowAway ? dataDir : undefined,
    readyText: 'database system is ready to accept connections',
  });
  return (await server.isReady(startMs)) ? server : server.output();
}

function refusal(output: string, { port, dataDir }: Launch): EmbeddedPostgresError {
  if (output.includes('could not bind') && output.includes('Address already in use')) {
    return new EmbeddedPostgresError(
      'ERR_EMBEDDED_POSTGRES_PORT_TAKEN',
      `Port ${port} on 127.0.0.1 is taken: choose another one, or end what listens there`,
    );
  }
  if (output.includes('lock file "postmaster.pid" already exists')) return dataInUse(dataDir);
  const words = output.split('\n').filter((line) => /FATAL|PANIC|HINT|ERROR/.test(line));
  const why = words.join('; ') || output.trim() || `not ready within ${startMs} ms`;
  return new EmbeddedPostgresError(
    'ERR_EMBEDDED_POSTGRES_START',
    `PostgreSQL did not start on ${dataDir}: ${why}`,
  );
}
