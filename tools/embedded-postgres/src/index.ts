export { postgresVersion } from './binaries.ts';
export { EmbeddedPostgresError, type EmbeddedPostgresErrorCode } from './errors.ts';
export { type Postgres, type PostgresOptions, startPostgres } from './postgres.ts';
