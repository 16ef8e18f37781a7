import { startPostgres } from '@shopgpt/embedded-postgres';
import { withoutPassword } from './config.ts';
import type { Running } from './part.ts';
import { withClient } from './postgres-client.ts';
import { orStartError, reasonOf, StartError } from './start-error.ts';

const USER = 'shopgpt';
const DATABASE = 'user_db';

export interface EmbeddedDatabaseOptions {
  /** The folder of the cluster. */
  readonly folder: string;
  readonly port: number;
  readonly password: string;
}

/** Where clients find the embedded database. */
export function embeddedUrl({ port, password }: EmbeddedDatabaseOptions): string {
  return `postgres://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${DATABASE}`;
}

/** Starts the embedded PostgreSQL and makes sure that the service's database is in it. */
export async function startEmbeddedDatabase(options: EmbeddedDatabaseOptions): Promise<Running> {
  const { folder, port, password } = options;
  try {
    const postgres = await startPostgres({ dataDir: folder, port, password, user: USER });
    const exited = postgres.exited.then((code) => `exit code ${code}`);
    try {
      await createDatabase(postgres.url);
    } catch (error) {
      await postgres.stop();
      throw error;
    }
    return { exited, stop: () => postgres.stop() };
  } catch (cause) {
    throw new StartError(
      'ERR_HOUSE_DATABASE',
      `The embedded database did not start: ${whatFailed(cause, folder)}`,
      {
        cause,
      },
    );
  }
}

function whatFailed(error: unknown, folder: string): string {
  const isWrongPassword = error instanceof Error && 'code' in error && error.code === '28P01';
  if (!isWrongPassword) return reasonOf(error);
  return `it was created in ${folder} with another password than the one kept beside it; delete that folder to begin anew`;
}

async function createDatabase(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [
      DATABASE,
    ]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  });
}

/** @throws StartError when the database that somebody named cannot be used */
export async function requireDatabase(url: string): Promise<void> {
  const what = `DATABASE_URL: ${withoutPassword(url)} cannot be used`;
  const probe = withClient(url, (client) => client.query('SELECT'));
  await orStartError('ERR_HOUSE_DATABASE', what, probe);
}
