import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { memory } from '@shopgpt/messaging/memory';
import { createApp } from './app.ts';
import { type Config, maskUrl, readConfig } from './config.ts';
import { createDatabase } from './database/database.ts';
import { migrate } from './database/migrate.ts';
import { readMigrations } from './database/migrations.ts';
import { createOutlet } from './events/outlet.ts';
import { createProbe } from './health/probe.ts';
import { createHttpServer } from './http/server.ts';
import { createLog } from './log.ts';
import { connectRedis } from './redis.ts';
import { untilPrepared } from './startup.ts';
import type { User } from './users/model.ts';
import { createUserStore, userDatabaseBreaker } from './users/store.ts';

const root = path.resolve(import.meta.dirname, '..');

/** One clear message for the person who started us, and the end. */
function giveUp(error: unknown): never {
  process.stderr.write(`user-service: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

function readOrGiveUp(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    return giveUp(error);
  }
}

const config = readOrGiveUp();
const { log, end: endLog } = createLog(config.logLevel);
const stopping = new AbortController();

// A request's time: what the database may take, and L2 before and after it.
const databaseTimeoutMs = Math.floor(config.deadlineMs * 0.8);
const redisTimeoutMs = Math.max(1, Math.min(50, Math.floor(config.deadlineMs * 0.05)));

const database = createDatabase({ ...config.database, timeoutMs: databaseTimeoutMs });
const redis = config.redisUrl ? connectRedis(config.redisUrl, log) : undefined;
// A connection that listens can do nothing else.
const subscriber = redis?.duplicate();
const cache = createCache<User>({
  name: 'user',
  version: 1,
  ttlMs: config.cache.ttlMs,
  staleIfErrorMs: config.cache.staleIfErrorMs,
  l1: { maxEntries: config.cache.l1MaxEntries, ttlMs: config.cache.l1TtlMs },
  ...(redis &&
    subscriber && { l2: redisTier({ client: redis, subscriber, timeoutMs: redisTimeoutMs }) }),
});
const breaker = userDatabaseBreaker();
breaker.on('stateChange', ({ from, to }) => log.warn({ from, to }, `the breaker is ${to}`));

const probing = { timeoutMs: Math.min(1_000, config.deadlineMs), freshMs: 500 };

// The client of Kafka is loaded only where there is a Kafka.
const { kafka } = config;
const driver = kafka ? (await import('./events/kafka.ts')).kafkaDriver(kafka.brokers) : memory();
const events = createOutlet({
  driver,
  isKafka: kafka !== undefined,
  replicationFactor: kafka?.replicationFactor ?? 1,
  databaseUrl: config.database.url,
  connectTimeoutMs: databaseTimeoutMs,
  probing,
  log,
});
const health = {
  isStopping: () => stopping.signal.aborted,
  database: createProbe(() => database.query({ text: 'SELECT 1', kind: 'read' }), probing),
  redis: redis && createProbe(() => redis.ping(), { ...probing, timeoutMs: 200 }),
  events,
  numbers: () => ({ pool: database.stats() }),
};
const app = createApp({
  store: createUserStore(database, breaker, cache),
  health,
  apiToken: config.apiToken,
  openapi: JSON.parse(readFileSync(path.join(root, 'openapi.json'), 'utf8')),
  log,
});
const server = createHttpServer(app, config);

async function prepareDatabase(): Promise<void> {
  const migrations = await readMigrations(path.join(root, 'migrations'));
  const applied = await migrate({
    url: config.database.url,
    migrations,
    timeoutMs: databaseTimeoutMs,
    stepTimeoutMs: 60_000,
  });
  await events.open();
  database.open();
  log.info({ applied }, 'the database is ready');
}

/** Listens first, so that the process is seen to live while its database is away. */
async function start(): Promise<void> {
  const url = await server.listen(config.port, config.host);
  const away = Promise.withResolvers<void>();
  const prepared = untilPrepared(prepareDatabase, {
    signal: stopping.signal,
    onAway: (err, pauseMs) => {
      log.warn({ err, pauseMs }, 'the database is away');
      away.resolve();
    },
  }).catch((cause) => {
    const where = maskUrl(config.database.url);
    throw new Error(`cannot use the database ${where}: ${cause.message}`, { cause });
  });
  await Promise.race([prepared, away.promise]);
  log.info({ url }, 'listening');
  await prepared;
}

/** Not ready from now on; requests under way are answered, then everything is closed. */
async function stop(signal: NodeJS.Signals): Promise<void> {
  if (stopping.signal.aborted) process.exit(1); // asked twice: at once
  stopping.abort();
  log.info({ signal }, 'stopping');
  await server.stop(config.shutdownTimeoutMs);
  // Events of the last requests still go out; what does not waits in the database for another replica.
  await Promise.allSettled([events.close(), cache.close({ timeoutMs: 500 }), database.close()]);
  redis?.disconnect();
  subscriber?.disconnect();
  log.info('stopped');
  await endLog();
  process.exit(0);
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
start().catch(async (error) => {
  if (stopping.signal.aborted) return;
  await endLog();
  giveUp(error);
});
