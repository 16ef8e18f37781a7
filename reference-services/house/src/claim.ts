import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { reasonOf, StartError } from './start-error.ts';

/** Who uses a data folder. */
interface Holder {
  readonly pid: number;
  readonly url: string;
}

const SQLITE_BUSY = 5;

/**
 * The right to use a data folder, for one house at a time.
 * It is the write lock of a small SQLite file: the kernel takes it back when the process ends, however
 * it ends, so there is no stale lock, and others can still read in the file who holds it.
 */
export class Claim {
  /** True when the house before this one did not end by itself: what it started may still be ending. */
  readonly previousWasKilled: boolean;
  readonly #file: DatabaseSync;

  /** @throws StartError when another house uses the folder */
  constructor(dataDir: string, holder: Holder) {
    this.#file = open(dataDir);
    try {
      this.#file.exec('BEGIN IMMEDIATE');
      this.previousWasKilled = readHolder(this.#file) !== undefined;
      this.#file.exec('DELETE FROM holder');
      this.#file.prepare('INSERT INTO holder VALUES (?, ?)').run(holder.pid, holder.url);
      this.#file.exec('COMMIT');
      this.#file.exec('BEGIN IMMEDIATE');
    } catch (error) {
      throw isBusy(error) ? inUse(dataDir, readHolder(this.#file)) : unusable(dataDir, error);
    }
  }

  release(): void {
    this.#file.exec('DELETE FROM holder; COMMIT');
    this.#file.close();
  }
}

function open(dataDir: string): DatabaseSync {
  try {
    const file = new DatabaseSync(path.join(dataDir, 'house.sqlite'), { timeout: 0 });
    const known = file.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'holder'").get();
    if (!known) file.exec('CREATE TABLE IF NOT EXISTS holder (pid INTEGER, url TEXT)');
    return file;
  } catch (error) {
    throw isBusy(error) ? inUse(dataDir, undefined) : unusable(dataDir, error);
  }
}

function readHolder(file: DatabaseSync): Holder | undefined {
  const row = file.prepare('SELECT pid, url FROM holder').get();
  return row && { pid: Number(row['pid']), url: String(row['url']) };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function inUse(dataDir: string, holder: Holder | undefined): StartError {
  const who = holder ? ` (process ${holder.pid}, ${holder.url})` : '';
  return new StartError(
    'ERR_HOUSE_IN_USE',
    `The data folder ${dataDir} is in use by a house that runs already${who}.\n` +
      'Stop that one first, or give this one its own SHOPGPT_DATA_DIR, HOUSE_PORT and USER_SERVICE_PORT.',
  );
}

function unusable(dataDir: string, cause: unknown): StartError {
  const message = `The data folder ${dataDir} cannot be used: ${reasonOf(cause)}`;
  return new StartError('ERR_HOUSE_DATA_DIR', message, { cause });
}
