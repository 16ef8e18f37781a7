import type { TestServer } from '@shopgpt/test-servers';
import { afterAll, beforeAll } from 'vitest';
import { createDatabase, dropDatabase } from './database.ts';
import { type Service, startService } from './service.ts';

export interface Running {
  readonly service: Service;
  readonly databaseUrl: string;
}

/** One process of the service on a database of its own, for all tests of a scope. */
export function useService(
  postgres: () => TestServer,
  env: () => Readonly<Record<string, string>> = () => ({}),
): () => Running {
  let running: Running | undefined;
  beforeAll(async () => {
    const databaseUrl = await createDatabase(postgres().url);
    const service = await startService({ DATABASE_URL: databaseUrl, ...env() });
    running = { service, databaseUrl };
  });
  afterAll(async () => {
    if (!running) return;
    await running.service.stop();
    await dropDatabase(postgres().url, running.databaseUrl);
  });
  return () => {
    if (!running) throw new Error('the service runs only inside tests');
    return running;
  };
}
