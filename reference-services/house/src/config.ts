import path from 'node:path';
import { z } from 'zod';
import { StartError } from './start-error.ts';

export interface HouseConfig {
  /** The control room listens here, on 127.0.0.1. */
  readonly housePort: number;
  readonly userServicePort: number;
  /** Where the embedded PostgreSQL and the generated secrets live. */
  readonly dataDir: string;
  /** A PostgreSQL of yours; the embedded one when absent. */
  readonly databaseUrl: string | undefined;
  /** A Redis or Valkey of yours; the second cache tier is in memory when absent. */
  readonly redisUrl: string | undefined;
  /** A Kafka of yours, `host:port` with commas between; user events stay in the service's memory when absent. */
  readonly kafkaBrokers: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const port = (fallback: number) =>
  z
    .string()
    .refine((text) => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535, {
      error: ({ input }) => `must be a port from 1 to 65535, got "${input}"`,
    })
    .transform(Number)
    .default(fallback);

const serverUrl = (schemes: readonly string[], example: string) =>
  z
    .string()
    .refine((text) => schemes.includes(URL.parse(text)?.protocol ?? ''), {
      // The value may hold a password, also when it is malformed: it is not repeated.
      error: `must look like ${example}`,
    })
    .optional();

const schema = z
  .object({
    HOUSE_PORT: port(3000),
    USER_SERVICE_PORT: port(3001),
    SHOPGPT_DATA_DIR: z.string().optional(),
    DATABASE_URL: serverUrl(
      ['postgres:', 'postgresql:'],
      'postgres://user:password@host:5432/name',
    ),
    REDIS_URL: serverUrl(['redis:', 'rediss:'], 'redis://host:6379'),
    KAFKA_BROKERS: z
      .string()
      // As above: somebody may have put a password into it.
      .regex(
        /^[^\s,/@]+:\d+( *, *[^\s,/@]+:\d+)*$/,
        'must look like host:9092 or host:9092,host:9092',
      )
      .optional(),
  })
  .refine((env) => env.HOUSE_PORT !== env.USER_SERVICE_PORT, {
    path: ['USER_SERVICE_PORT'],
    error: 'must differ from HOUSE_PORT',
  });

/**
 * Reads the configuration; an empty variable counts as absent.
 *
 * @param home the folder that holds `.data` unless SHOPGPT_DATA_DIR says otherwise
 * @param cwd what a relative SHOPGPT_DATA_DIR is relative to
 * @throws StartError that lists every mistake at once
 */
export function readConfig(environment: Environment, home: string, cwd: string): HouseConfig {
  const filled = Object.entries(environment).filter(([, value]) => value !== '');
  const { success, data, error } = schema.safeParse(Object.fromEntries(filled));
  if (!success) throw mistakes(error.issues);
  return Object.freeze({
    housePort: data.HOUSE_PORT,
    userServicePort: data.USER_SERVICE_PORT,
    dataDir: path.resolve(cwd, data.SHOPGPT_DATA_DIR ?? path.join(home, '.data')),
    databaseUrl: data.DATABASE_URL,
    redisUrl: data.REDIS_URL,
    kafkaBrokers: data.KAFKA_BROKERS,
  });
}

function mistakes(issues: readonly z.core.$ZodIssue[]): StartError {
  const lines = issues.map(({ path: [name], message }) => `  ${String(name)} ${message}`);
  return new StartError('ERR_HOUSE_CONFIG', `The configuration is wrong:\n${lines.join('\n')}`);
}

/** A URL that can be shown: without its password and without options, which may hold another. */
export function withoutPassword(url: string): string {
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  shown.search = '';
  return shown.href;
}
