import { z } from 'zod';

/** What the service was told, checked and frozen. `environment` below has the names, units and defaults. */
export interface Config {
  readonly host: string;
  readonly port: number;
  readonly apiToken: string;
  readonly logLevel: string;
  /** A request gets an answer within this time, whatever hangs behind the service. */
  readonly deadlineMs: number;
  /** How long a request may take to arrive, headers and body. */
  readonly requestTimeoutMs: number;
  /** How long requests may take to finish, and connections to close, after SIGTERM. */
  readonly shutdownTimeoutMs: number;
  readonly maxConnections: number;
  readonly database: {
    readonly url: string;
    readonly maxOpenConnections: number;
    readonly maxIdleConnections: number;
    readonly connectionMaxLifetimeMs: number;
  };
  readonly redisUrl: string | undefined;
  /** Where user events go; `undefined`: they stay in the memory of this process. */
  readonly kafka:
    | { readonly brokers: readonly string[]; readonly replicationFactor: number }
    | undefined;
  readonly cache: {
    readonly ttlMs: number;
    readonly l1TtlMs: number;
    readonly l1MaxEntries: number;
    readonly staleIfErrorMs: number;
  };
}

/** All mistakes of a configuration at once, a line each. No line shows a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'ERR_USER_SERVICE_CONFIG';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`the configuration is wrong:\n${mistakes.map((line) => `  - ${line}`).join('\n')}`);
    this.mistakes = mistakes;
  }
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The variables that are read, and nothing else is. */
export const environment = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: whole({ min: 0, max: 65_535, fallback: 3001 }),
  DATABASE_URL: url(['postgres:', 'postgresql:']),
  REDIS_URL: url(['redis:', 'rediss:']).optional(),
  KAFKA_BROKERS: z
    .string()
    .transform((text) => text.split(',').map((broker) => broker.trim()))
    .refine((brokers) => brokers.every(isBroker), 'must be host:port, with commas between several')
    .optional(),
  KAFKA_REPLICATION_FACTOR: whole({ min: 1, max: 100, fallback: 3 }),
  API_TOKEN: z
    .string('must be set')
    .regex(/^[\x21-\x7e]*$/, 'must be printable ASCII without spaces')
    .min(16, 'must have at least 16 characters'),
  DB_MAX_OPEN_CONNS: whole({ min: 1, max: 1_000, fallback: 10 }),
  DB_MAX_IDLE_CONNS: whole({ min: 0, max: 1_000, fallback: 2 }),
  DB_CONN_MAX_LIFETIME_MS: whole({ min: 1_000, max: day, fallback: 5 * minute }),
  DEADLINE_MS: whole({ min: 200, max: minute, fallback: 2_000 }),
  REQUEST_TIMEOUT_MS: whole({ min: 500, max: 5 * minute, fallback: 10_000 }),
  SHUTDOWN_TIMEOUT_MS: whole({ min: 100, max: 5 * minute, fallback: 10_000 }),
  MAX_CONNECTIONS: whole({ min: 1, max: 100_000, fallback: 2_000 }),
  CACHE_TTL_MS: whole({ min: 1, max: day, fallback: minute }),
  CACHE_L1_TTL_MS: whole({ min: 1, max: day, fallback: 2_000 }),
  CACHE_L1_MAX_ENTRIES: whole({ min: 1, max: 10_000_000, fallback: 10_000 }),
  CACHE_STALE_IF_ERROR_MS: whole({ min: 0, max: 7 * day, fallback: hour }),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be one of trace, debug, info, warn, error, fatal, silent',
    )
    .default('info'),
});

/**
 * Reads the configuration from an environment. An empty variable counts as absent.
 *
 * @throws ConfigError with every mistake at once
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = environment.safeParse(given);
  if (!result.success) {
    throw new ConfigError(result.error.issues.map((issue) => mistake(issue, given)));
  }
  const values = result.data;
  return Object.freeze({
    host: values.HOST,
    port: values.PORT,
    apiToken: values.API_TOKEN,
    logLevel: values.LOG_LEVEL,
    deadlineMs: values.DEADLINE_MS,
    requestTimeoutMs: values.REQUEST_TIMEOUT_MS,
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT_MS,
    maxConnections: values.MAX_CONNECTIONS,
    database: Object.freeze({
      url: values.DATABASE_URL,
      maxOpenConnections: values.DB_MAX_OPEN_CONNS,
      maxIdleConnections: Math.min(values.DB_MAX_IDLE_CONNS, values.DB_MAX_OPEN_CONNS),
      connectionMaxLifetimeMs: values.DB_CONN_MAX_LIFETIME_MS,
    }),
    redisUrl: values.REDIS_URL,
    kafka:
      values.KAFKA_BROKERS &&
      Object.freeze({
        brokers: Object.freeze(values.KAFKA_BROKERS),
        replicationFactor: values.KAFKA_REPLICATION_FACTOR,
      }),
    cache: Object.freeze({
      ttlMs: values.CACHE_TTL_MS,
      // Without a shared Redis an entry of L1 is all there is, and lives its whole life there.
      l1TtlMs: values.REDIS_URL
        ? Math.min(values.CACHE_L1_TTL_MS, values.CACHE_TTL_MS)
        : values.CACHE_TTL_MS,
      l1MaxEntries: values.CACHE_L1_MAX_ENTRIES,
      staleIfErrorMs: values.CACHE_STALE_IF_ERROR_MS,
    }),
  });
}

/** A URL without what must stay secret, for messages and logs. */
export function maskUrl(text: string): string {
  if (!URL.canParse(text)) return `something that is no URL (${text.length} characters)`;
  const masked = new URL(text);
  if (masked.password) masked.password = '***';
  for (const name of masked.searchParams.keys()) {
    if (/pass|secret|token|key/i.test(name)) masked.searchParams.set(name, '***');
  }
  return masked.href;
}

function whole({ min, max, fallback }: { min: number; max: number; fallback: number }) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .pipe(z.number().min(min, message).max(max, message))
    .default(fallback);
}

function url(protocols: readonly string[]) {
  const message = `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`;
  return z
    .string('must be set')
    .refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), message);
}

function isBroker(text: string): boolean {
  const [, port = ''] = /^(?:[\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(text) ?? [];
  return Number(port) >= 1 && Number(port) <= 65_535;
}

function mistake(issue: z.core.$ZodIssue, given: Record<string, string | undefined>): string {
  const name = String(issue.path[0]);
  const value = given[name];
  if (value === undefined) return `${name} ${issue.message}`;
  return `${name} ${issue.message}, got ${shown(name, value)}`;
}

function shown(name: string, value: string): string {
  if (name === 'API_TOKEN') return `${value.length} characters`;
  if (name.endsWith('_URL')) return maskUrl(value);
  // What stands before an @ may be a password: somebody took it for a URL.
  if (name === 'KAFKA_BROKERS') return JSON.stringify(value.replaceAll(/[^,/]*@/g, '***@'));
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
}
