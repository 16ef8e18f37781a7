import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { type Health, healthRoutes } from './health/routes.ts';
import { requireToken } from './http/auth.ts';
import { answerProblems, methodNotAllowed, noSuchRoute } from './http/fallbacks.ts';
import { createCursors } from './users/cursor.ts';
import { userRoutes } from './users/routes.ts';
import type { UserStore } from './users/store.ts';

export interface AppOptions {
  readonly store: UserStore;
  readonly health: Health;
  readonly apiToken: string;
  /** The document that `/openapi.json` shows. */
  readonly openapi: unknown;
  readonly log: Logger;
}

/** The whole of what the service answers, without a server around it. */
export function createApp({ store, health, apiToken, openapi, log }: AppOptions): Express {
  const guard = requireToken(apiToken);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag'); // a user has a version; nothing else is worth a hash
  // No answer of an API is a page: nothing in it may load, run or be framed.
  const nothing = { defaultSrc: ["'none'"], frameAncestors: ["'none'"] };
  app.use(helmet({ contentSecurityPolicy: { useDefaults: false, directives: nothing } }));
  app.use(healthRoutes(health, guard));
  // The token is known to all replicas, so a cursor of one is good for the others.
  app.use(userRoutes(store, createCursors(apiToken), guard));
  app
    .route('/openapi.json')
    .get((_request, response) => void response.json(openapi))
    .all(methodNotAllowed('GET', 'HEAD'));
  app.use(noSuchRoute);
  app.use(answerProblems(log));
  return app;
}
