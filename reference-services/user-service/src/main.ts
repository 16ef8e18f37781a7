import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createBreaker } from '@shopgpt/breaker';
import { createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import pino from 'pino';
import { createApp } from './app.ts';
import { maskUrl, readConfig } from './config.ts';
import { createDatabase } from './database/database.ts';
import { migrate } from './database/migrate.ts';
import { readMigrations } from './database/migrations.ts';
import { createProbe } from './health/probe.ts';
import { createHttpServer } from './http/server.ts';
import { connectRedis } from './redis.ts';
import { untilPrepared } from './startup.ts';
import { createUserStore, userDatabaseBreaker } from './users/store.ts';

