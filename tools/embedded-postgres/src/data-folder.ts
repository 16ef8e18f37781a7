import { createHash } from 'node:crypto';
import {
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder } from './cache-folder.ts';
import { EmbeddedPostgresError, folderError } from './errors.ts';
import { startGuarded } from './guarded-process.ts';
import { exists, type Identity, isOpenToAll } from './identity.ts';
import { isAlive } from './processes.ts';

export interface NewCluster {
  readonly native: string;
  readonly dataDir: string;
  readonly user: string;
  readonly password: string;
  readonly ids: Identity | undefined;
  readonly cacheDir: string | undefined;
  readonly isThrowAway: boolean;
}

/** The real path of the cluster, which is created the first time. */
export async function dataFolder(cluster: NewCluster): Promise<string> {
  try {
    if (!(await exists(path.join(cluster.dataDir, 'PG_VERSION')))) await create(cluster);
    return await realpath(cluster.dataDir);
  } catch (error) {
    if (error instanceof EmbeddedPostgresError) throw error;
    throw folderError(cluster.dataDir, 'Creating the database', error);
  }
}

async function create(cluster: NewCluster): Promise<void> {
  const { dataDir, ids } = cluster;
  await mkdir(path.dirname(dataDir), { recursive: true });
  const home = await placeFor(cluster);
  await removeInterrupted(home);
  const fresh = `${home}.new-${process.pid}`;
  try {
    await mkdir(fresh, { mode: 0o700 });
    if (ids) await chown(fresh, ids.uid, ids.gid);
    await initialise(cluster, fresh);
    // Only a creation that went to its end gets the name; an empty folder gives it up, one with files does not.
    await rename(fresh, home);
    if (home !== dataDir) await symlink(home, dataDir);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    // Of two creations at once the first one counts.
    if (!(await exists(path.join(dataDir, 'PG_VERSION')))) throw error;
  }
}

/** What a creation left behind whose process is no more. */
async function removeInterrupted(home: string): Promise<void> {
  const prefix = `${path.basename(home)}.new-`;
  for (const name of await readdir(path.dirname(home))) {
    if (
      !name.startsWith(prefix) ||
      (await isAlive(Number.parseInt(name.slice(prefix.length), 10)))
    ) {
      continue;
    }
    await rm(path.join(path.dirname(home), name), { recursive: true, force: true });
  }
}

/**
 * Where the data live. PostgreSQL's user cannot enter a checkout below, say, /root: there they live in the cache
 * folder, and the data folder is a link to them. Whoever deletes the link starts afresh.
 */
async function placeFor({ dataDir, ids, cacheDir }: NewCluster): Promise<string> {
  if (!ids || (await isOpenToAll(path.dirname(dataDir)))) return dataDir;
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const home = path.join(await cacheFolder(cacheDir), `data-${name}`);
  await rm(home, { recursive: true, force: true });
  if (await isLink(dataDir)) await rm(dataDir);
  return home;
}

async function isLink(file: string): Promise<boolean> {
  return readlink(file).then(
    () => true,
    () => false,
  );
}

async function initialise(cluster: NewCluster, folder: string): Promise<void> {
  const { native, user, password, ids, isThrowAway } = cluster;
  const passwordFile = path.join(path.dirname(folder), `${path.basename(folder)}.password`);
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (ids) await chown(passwordFile, ids.uid, ids.gid);
  try {
    const initdb = await startGuarded(
      path.join(native, 'bin/initdb'),
      [
        ...['-D', folder, '-U', user, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
        ...['-E', 'UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
        ...['--no-instructions', ...(isThrowAway ? ['--no-sync'] : [])],
      ],
      { cwd: folder, env: serverEnv(), ids, stopSignal: 'KILL', removeAtEnd: folder },
    );
    const code = await initdb.exited;
    if (code === 0) return;
    await rm(folder, { recursive: true, force: true });
    throw new EmbeddedPostgresError(
      'ERR_EMBEDDED_POSTGRES_START',
      `initdb exited ${code}: ${initdb.output().trim()}`,
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** Nothing of ours leaks into the server, and no PG* variable changes it. */
export function serverEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}

/** How long a server that is ending may take, and one that has just lost its parent to begin. */
const endingMs = 5_000;
const noticingMs = 2_000;

/**
 * Takes away the lock file of a server that is no more. PostgreSQL does so itself unless the old process id belongs to
 * somebody else now, as it easily does after a restart of a container. A server that is just ending is waited for.
 *
 * @throws EmbeddedPostgresError when a live server works on the data
 */
export async function clearStaleLock(dataDir: string): Promise<void> {
  // Elsewhere nothing tells where a process works: PostgreSQL's own check has to do.
  if (process.platform !== 'linux') return;
  const file = path.join(dataDir, 'postmaster.pid');
  const since = performance.now();
  for (;;) {
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
    const pid = Number(lines[0]);
    if (!(pid > 0)) return;
    if (!(await isPostgresOn(pid, dataDir))) return rm(file, { force: true });
    const patienceMs = lines[7]?.startsWith('stopping') ? endingMs : noticingMs;
    if (performance.now() - since > patienceMs) throw dataInUse(dataDir, pid);
    await sleep(20);
  }
}

export function dataInUse(dataDir: string, pid?: number): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'ERR_EMBEDDED_POSTGRES_DATA_IN_USE',
    `PostgreSQL already runs on ${dataDir}${pid ? ` (process ${pid})` : ''}: stop it first, or choose another folder`,
  );
}

/** A server works in its data folder; where we may not look it is somebody else's process. */
async function isPostgresOn(pid: number, dataDir: string): Promise<boolean> {
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return folder === dataDir && (await isAlive(pid));
}
