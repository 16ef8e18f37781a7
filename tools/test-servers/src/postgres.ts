import { postgresVersion, startPostgres as startEmbedded } from '@shopgpt/embedded-postgres';
import pg from 'pg';
import { ServerUnavailableError } from './errors.ts';
import { onFreePort, throwAwayPath } from './process.ts';
import { foreignServer, OwnServer, type StartOptions, type TestServer } from './server.ts';

export interface PostgresOptions extends StartOptions {
  /** Settings as in postgresql.conf, e.g. `{ max_connections: 20 }`. Default: none. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

const variable = 'TEST_POSTGRES_URL';

/**
 * PostgreSQL; the one that npm brings, unless the environment names another.
 *
 * @throws ServerUnavailableError when there is none for this platform, or the named one does not answer
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<TestServer> {
  const url = process.env[variable];
  if (url && !options.own) return foreignServer(await describe(url, variable));
  return onFreePort((port) => startOwn(port, options)).catch((cause) => {
    if (cause.code !== 'ERR_EMBEDDED_POSTGRES_PLATFORM') throw cause;
    const advice = `Set ${variable} to one that is there.`;
    throw new ServerUnavailableError('PostgreSQL', [cause.message], advice, { cause });
  });
}

async function startOwn(port: number, { settings }: PostgresOptions): Promise<TestServer> {
  const dataDir = throwAwayPath('postgres');
  const start = () =>
    startEmbedded({
      dataDir,
      port,
      password: 'test',
      throwAway: true,
      ...(settings ? { settings } : {}),
    });
  const life = await start();
  const facts = { name: 'PostgreSQL', version: postgresVersion, found: 'npm', url: life.url };
  return new OwnServer(facts, life, start);
}

async function describe(url: string, found: string) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    const { rows } = await client.query('SHOW server_version');
    const version = String(rows[0]?.server_version).split(' ')[0] ?? 'unknown';
    return { name: 'PostgreSQL', version, found, url };
  } catch (error) {
    const tried = `${found}: ${String(error)}`;
    throw new ServerUnavailableError(
      'PostgreSQL',
      [tried],
      'Start it, or take the variable away.',
      {
        cause: error,
      },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}
