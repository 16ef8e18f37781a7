import { access, constants, lstat, mkdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { folderError } from './errors.ts';
import { isOpenToAll } from './identity.ts';

/**
 * A folder of our own outside the checkout, and open to PostgreSQL's user: the one that was asked for, else the first
 * usual one that can be written.
 */
export async function cacheFolder(asked: string | undefined): Promise<string> {
  let failure: unknown = new Error('other users cannot enter it');
  const candidates = asked ? [asked] : usualFolders();
  for (const folder of candidates) {
    try {
      if (await isUsable(folder)) return folder;
    } catch (error) {
      failure = error;
    }
  }
  throw folderError(candidates.join(' or '), 'Keeping a copy of PostgreSQL', failure);
}

function usualFolders(): string[] {
  const uid = process.getuid?.() ?? 0;
  const home = process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache');
  const first = uid === 0 ? '/var/cache/shopgpt' : path.join(home, 'shopgpt');
  return [first, path.join(os.tmpdir(), `shopgpt-cache-${uid}`)];
}

async function isUsable(folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await access(folder, constants.W_OK | constants.X_OK);
  const { uid } = await lstat(folder);
  // Under the common temporary folder anybody could have put one with this name.
  if (uid !== process.getuid?.()) return false;
  return uid !== 0 || isOpenToAll(folder);
}
