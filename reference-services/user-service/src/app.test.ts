import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Express } from 'express';
import pino from 'pino';
import { expect, test } from 'vitest';
import { createApp } from './app.ts';
import type { UserStore } from './users/store.ts';

const never = () => Promise.reject(new Error('not called'));
const notCalled = (): never => {
  throw new Error('not called');
};
const store: UserStore = {
  find: never,
  page: never,
  create: never,
  update: never,
  remove: never,
};
const document: { paths: Record<string, object> } = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../openapi.json'), 'utf8'),
);

type Layer = Express['router']['stack'][number];

function routes(stack: readonly Layer[]): string[] {
  return stack.flatMap(({ route, handle }) => {
    if (!route) return 'stack' in handle ? routes(handle.stack as Layer[]) : [];
    // A layer of `.all(...)` has no method.
    const methods = new Set(route.stack.flatMap(({ method }) => method ?? []));
    return [...methods].map((method) => `${method} ${route.path.replace(':id', '{id}')}`);
  });
}

test('every route is documented, and every documented route exists', () => {
  const app = createApp({
    store,
    health: {
      isStopping: () => false,
      database: never,
      redis: undefined,
      events: { kafka: notCalled, health: notCalled, recent: notCalled },
      numbers: () => ({}),
    },
    apiToken: 'a-token-for-tests-only',
    openapi: document,
    log: pino({ level: 'silent' }),
  });
  const documented = Object.entries(document.paths).flatMap(([where, item]) =>
    Object.keys(item)
      .filter((name) => name !== 'parameters')
      .map((method) => `${method} ${where}`),
  );
  expect(routes(app.router.stack).sort()).toEqual(documented.sort());
});
