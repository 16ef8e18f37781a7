import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** One step of the schema: a file of SQL that runs once, in a transaction. */
export interface Migration {
  /** The file's name, such as `0001-users.sql`; the order of names is the order of steps. */
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** A step as the database remembers it. */
export type AppliedMigration = Pick<Migration, 'name' | 'checksum'>;

/** The files and the database disagree about the past. Nothing is done until a person looks. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly code = 'ERR_MIGRATION';
}

const fileName = /^\d{4}-[a-z0-9-]+\.sql$/;

/** Reads the steps of a folder, in order. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).sort();
  const stray = names.find((name) => !fileName.test(name));
  if (stray) throw new MigrationError(`"${stray}" is not named like 0001-what-it-does.sql`);
  return Promise.all(names.map((name) => readMigration(folder, name)));
}

async function readMigration(folder: string, name: string): Promise<Migration> {
  // A checkout on Windows must not look edited.
  const sql = (await readFile(path.join(folder, name), 'utf8')).replaceAll('\r\n', '\n');
  return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
}

/**
 * The first step that the database lacks, or `undefined` when it has all.
 *
 * @param applied what the database remembers, in the order of names
 * @throws MigrationError when an applied file was edited or is missing, or a new one comes before an applied one
 */
export function nextMigration(
  migrations: readonly Migration[],
  applied: readonly AppliedMigration[],
): Migration | undefined {
  const known = new Set(migrations.map(({ name }) => name));
  const missing = applied.find(({ name }) => !known.has(name));
  if (missing) {
    throw new MigrationError(
      `the database has "${missing.name}", but this version has no such file`,
    );
  }
  for (const [index, { name, checksum }] of applied.entries()) {
    const file = migrations[index];
    if (file?.name !== name) {
      throw new MigrationError(`"${file?.name}" comes before "${name}", which is applied already`);
    }
    if (file.checksum !== checksum) {
      throw new MigrationError(`"${name}" was edited after it had been applied; add a new file`);
    }
  }
  return migrations[applied.length];
}
