import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { reasonOf, StartError } from './start-error.ts';

/** @throws StartError when the folder cannot be made or written */
export function prepareDataDir(dataDir: string): void {
  try {
    // Root's PostgreSQL runs as another user, who must be able to pass through.
    mkdirSync(dataDir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const message = `The data folder ${dataDir} cannot be written: ${reasonOf(cause)}\nSet SHOPGPT_DATA_DIR to a folder that can.`;
    throw new StartError('ERR_HOUSE_DATA_DIR', message, { cause });
  }
}

/** A secret that is generated once and kept in a file that only its owner can read. */
export function keptSecret(dataDir: string, name: string): string {
  const file = path.join(dataDir, name);
  const kept = readIfThere(file);
  if (kept !== undefined) return kept;
  const secret = randomBytes(24).toString('base64url');
  // Renamed into place, so that an interrupted start leaves no half secret.
  writeFileSync(`${file}.new`, `${secret}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return secret;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
