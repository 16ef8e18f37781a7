import { access, stat } from 'node:fs/promises';
import path from 'node:path';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

// PostgreSQL refuses to run as root. `initdb` looks its user up in /etc/passwd, and nobody is always there.
const nobody: Identity = { uid: 65534, gid: 65534 };

/**
 * Who runs PostgreSQL: nobody in particular when we are root (or whoever already owns the data), otherwise ourselves
 * (undefined).
 */
export async function serverIdentity(dataDir: string): Promise<Identity | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(path.join(dataDir, 'PG_VERSION')).catch(() => undefined);
  return owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : nobody;
}

/** True when a stranger may enter every folder from the root down to this one. */
export async function isOpenToAll(folder: string): Promise<boolean> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const { mode } = await stat(at);
    if ((mode & 0o001) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
