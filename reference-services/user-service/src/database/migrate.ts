import pg from 'pg';
import { within } from '../deadline.ts';
import { type AppliedMigration, type Migration, nextMigration } from './migrations.ts';

export interface MigrateOptions {
  readonly url: string;
  readonly migrations: readonly Migration[];
  /** For the connection, and for each statement that is not a migration itself. */
  readonly timeoutMs: number;
  /** How long one step may take, and how long to wait while another replica carries one out. */
  readonly stepTimeoutMs: number;
}

// Any number will do; it must be the same in all replicas and all versions of this service.
const advisoryLock = '6071923508412873';
const history = `
  CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`;

/**
 * Applies what the database lacks and returns the names of what this call applied. Any number of replicas may do
 * so together: each step is a transaction that begins by taking a lock, so that each runs exactly once.
 *
 * @throws MigrationError when files and database disagree
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const client = new pg.Client({
    connectionString: options.url,
    application_name: 'user-service migrations',
    connectionTimeoutMillis: options.timeoutMs,
  });
  client.on('error', () => undefined); // the statement under way reports it
  const applied: string[] = [];
  try {
    await client.connect();
    for (;;) {
      const name = await applyNext(client, options);
      if (name === undefined) return applied;
      applied.push(name);
    }
  } finally {
    await within(client.end(), options.timeoutMs).catch(() => undefined);
  }
}

async function applyNext(
  client: pg.Client,
  { migrations, timeoutMs, stepTimeoutMs }: MigrateOptions,
): Promise<string | undefined> {
  const run = <Row extends pg.QueryResultRow>(text: string, values?: unknown[], ms = timeoutMs) =>
    within(client.query<Row>(text, values), ms);
  // The server gives up first, and says why.
  const stepMs = stepTimeoutMs + timeoutMs;

  await run('BEGIN');
  await run(`SET LOCAL lock_timeout = ${stepTimeoutMs}`);
  await run('SELECT pg_advisory_xact_lock($1)', [advisoryLock], stepMs);
  await run(`SET LOCAL statement_timeout = ${stepTimeoutMs}`);
  await run(history);
  const { rows } = await run<AppliedMigration>(
    'SELECT name, checksum FROM schema_migrations ORDER BY name COLLATE "C"',
  );
  const next = nextMigration(migrations, rows);
  if (next) {
    await run(next.sql, undefined, stepMs);
    const entry = [next.name, next.checksum];
    await run('INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)', entry);
  }
  await run('COMMIT');
  return next?.name;
}
