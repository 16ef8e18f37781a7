import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError, environment, maskUrl, readConfig } from './config.ts';

const needed = {
  DATABASE_URL: 'postgres://app:geheim@db.example/user_db',
  API_TOKEN: 'sixteen-letters!',
};

function mistakes(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

test('needs a database and a token, and has a default for the rest', () => {
  expect(readConfig(needed)).toEqual({
    host: '127.0.0.1',
    port: 3001,
    apiToken: needed.API_TOKEN,
    logLevel: 'info',
    deadlineMs: 2_000,
    requestTimeoutMs: 10_000,
    shutdownTimeoutMs: 10_000,
    maxConnections: 2_000,
    database: {
      url: needed.DATABASE_URL,
      maxOpenConnections: 10,
      maxIdleConnections: 2,
      connectionMaxLifetimeMs: 300_000,
    },
    redisUrl: undefined,
    kafka: undefined,
    cache: { ttlMs: 60_000, l1TtlMs: 60_000, l1MaxEntries: 10_000, staleIfErrorMs: 3_600_000 },
  });
});

test('is frozen, all of it', () => {
  const config = readConfig({ ...needed, KAFKA_BROKERS: 'a:9092' });
  for (const part of [config, config.database, config.kafka, config.cache]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
});

test('takes brokers with commas between, and so many replicas of a partition', () => {
  const KAFKA_BROKERS = 'kafka-1.example:9092, 10.0.0.2:9092,[::1]:9093';
  const brokers = ['kafka-1.example:9092', '10.0.0.2:9092', '[::1]:9093'];
  expect(readConfig({ ...needed, KAFKA_BROKERS }).kafka).toEqual({ brokers, replicationFactor: 3 });
  const env = { ...needed, KAFKA_BROKERS, KAFKA_REPLICATION_FACTOR: '1' };
  expect(readConfig(env).kafka).toMatchObject({ replicationFactor: 1 });
});

test.each([
  'kafka',
  'kafka:0',
  'kafka:65536',
  'a:1,,b:1',
  'kafka://a:9092',
  'a:9092;b:9092',
  ':9092',
])('refuses KAFKA_BROKERS=%j', (KAFKA_BROKERS) => {
  expect(mistakes({ ...needed, KAFKA_BROKERS, KAFKA_REPLICATION_FACTOR: '0' })).toEqual([
    `KAFKA_BROKERS must be host:port, with commas between several, got "${KAFKA_BROKERS}"`,
    'KAFKA_REPLICATION_FACTOR must be a whole number from 1 to 100, got "0"',
  ]);
});

test('keeps the memory of a process short when replicas share a Redis', () => {
  const REDIS_URL = 'redis://127.0.0.1:6379';
  expect(readConfig({ ...needed, REDIS_URL }).cache.l1TtlMs).toBe(2_000);
  const env = { ...needed, REDIS_URL, CACHE_TTL_MS: '1000' };
  expect(readConfig(env).cache.l1TtlMs).toBe(1_000);
});

test('never keeps more idle connections than may be open', () => {
  const { database } = readConfig({ ...needed, DB_MAX_OPEN_CONNS: '3', DB_MAX_IDLE_CONNS: '25' });
  expect(database).toMatchObject({ maxOpenConnections: 3, maxIdleConnections: 3 });
});

test('takes an empty variable as absent', () => {
  expect(readConfig({ ...needed, REDIS_URL: '', PORT: '' })).toMatchObject({
    port: 3001,
    redisUrl: undefined,
  });
  expect(mistakes({ ...needed, API_TOKEN: '' })).toEqual(['API_TOKEN must be set']);
});

test('names all mistakes at once, with the values', () => {
  expect(
    mistakes({ PORT: '65536', LOG_LEVEL: 'loud', CACHE_TTL_MS: '1e3', DEADLINE_MS: '-5' }),
  ).toEqual([
    'PORT must be a whole number from 0 to 65535, got "65536"',
    'DATABASE_URL must be set',
    'API_TOKEN must be set',
    'DEADLINE_MS must be a whole number from 200 to 60000, got "-5"',
    'CACHE_TTL_MS must be a whole number from 1 to 86400000, got "1e3"',
    'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, got "loud"',
  ]);
});

test.each([
  ['PORT', '80.5'],
  ['PORT', ' 80'],
  ['PORT', '0x50'],
  ['DB_MAX_OPEN_CONNS', '0'],
  ['DB_MAX_OPEN_CONNS', '1001'],
  ['DEADLINE_MS', '199'],
])('refuses %s=%j', (name, value) => {
  expect(mistakes({ ...needed, [name]: value })).toHaveLength(1);
});

describe('shows no secret:', () => {
  test.each([
    ['API_TOKEN', 'short-secret', 'API_TOKEN must have at least 16 characters, got 12 characters'],
    [
      'API_TOKEN',
      'a secret with spaces',
      'API_TOKEN must be printable ASCII without spaces, got 20 characters',
    ],
    [
      'DATABASE_URL',
      'mysql://app:secret@db/x?sslpassword=secret',
      'DATABASE_URL must be a URL that begins with postgres:// or postgresql://, got mysql://app:***@db/x?sslpassword=***',
    ],
    [
      'REDIS_URL',
      'just-a-secret',
      'REDIS_URL must be a URL that begins with redis:// or rediss://, got something that is no URL (13 characters)',
    ],
    [
      'KAFKA_BROKERS',
      'a:1,kafka://app:secret@b:9092',
      'KAFKA_BROKERS must be host:port, with commas between several, got "a:1,kafka://***@b:9092"',
    ],
  ])('%s=%j', (name, value, message) => {
    expect(mistakes({ ...needed, [name]: value })).toEqual([message]);
  });

  test('a URL that is shown has no password, and stays readable', () => {
    expect(maskUrl('postgres://app:p%40ss@db:5432/user_db')).toBe(
      'postgres://app:***@db:5432/user_db',
    );
    expect(maskUrl('redis://127.0.0.1:6379/0')).toBe('redis://127.0.0.1:6379/0');
  });
});

test('cuts a long value', () => {
  const [message] = mistakes({ ...needed, LOG_LEVEL: 'x'.repeat(1_000) });
  expect(message?.length).toBeLessThan(250);
});

test('every variable is in the README', () => {
  const readme = readFileSync(path.resolve(import.meta.dirname, '../README.md'), 'utf8');
  for (const name of Object.keys(environment.shape)) expect(readme).toContain(`| \`${name}\` |`);
});
