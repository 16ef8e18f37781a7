import { type Request, type RequestHandler, type Response, Router } from 'express';
import { jsonBody } from '../http/body.ts';
import { cacheHeaders } from '../http/cache-status.ts';
import { methodNotAllowed } from '../http/fallbacks.ts';
import { fieldError, invalid, valid } from '../http/validation.ts';
import type { Cursors } from './cursor.ts';
import { UserNotFoundError } from './errors.ts';
import { admittedVersions, etagOf } from './etag.ts';
import { newUser, pageQuery, type User, userChanges, userParams } from './model.ts';
import type { UserStore } from './store.ts';

/** `/users` and `/users/:id`. Whoever passes `guard` may write; everybody may read. */
export function userRoutes(store: UserStore, cursors: Cursors, guard: RequestHandler): Router {
  const router = Router();

  router
    .route('/users')
    .get(async (request, response) => {
      const { limit, cursor } = valid(pageQuery, request.query, 'query');
      const { users, hasMore } = await store.page({ limit, afterId: afterId(cursors, cursor) });
      const last = users.at(-1);
      const next =
        hasMore && last ? `/users?limit=${limit}&cursor=${cursors.encode(last.id)}` : null;
      if (next) response.set('link', `<${next}>; rel="next"`);
      response.set('cache-control', 'no-store').json({ users, next });
    })
    .post(guard, jsonBody('application/json'), async (request, response) => {
      const user = await store.create(valid(newUser, request.body, 'body'));
      response.status(201).set('location', `/users/${user.id}`);
      answer(response, user);
    })
    .all(methodNotAllowed('GET', 'HEAD', 'POST'));

  router
    .route('/users/:id')
    .get(async (request, response) => {
      const id = userId(request);
      // What stands when the store throws: the cache did not have it.
      response.set(cacheHeaders({ kind: 'miss', stored: false, collapsed: false }));
      const { user, report } = await store.find(id);
      response.set(cacheHeaders(report));
      if (!user) throw new UserNotFoundError(id);
      answer(response, user);
    })
    .patch(
      guard,
      jsonBody('application/merge-patch+json', 'application/json'),
      async (request, response) => {
        const id = userId(request);
        const changes = valid(userChanges, request.body, 'body');
        answer(response, await store.update(id, changes, admitted(request)));
      },
    )
    .delete(guard, async (request, response) => {
      await store.remove(userId(request), admitted(request));
      response.status(204).end();
    })
    .all(methodNotAllowed('GET', 'HEAD', 'PATCH', 'DELETE'));

  return router;
}

/** A user is somebody's own data: no shared cache keeps it, and who keeps it asks again. */
function answer(response: Response, user: User): void {
  response.set({ etag: etagOf(user), 'cache-control': 'private, no-cache' }).json(user);
}

function userId(request: Request): string {
  return valid(userParams, request.params, 'path').id;
}

function admitted(request: Request): number[] | undefined {
  return admittedVersions(request.headers['if-match']);
}

function afterId(cursors: Cursors, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const id = cursors.decode(cursor);
  if (id) return id;
  throw invalid([fieldError('cursor', 'is not one that this service gave out', cursor)]);
}
