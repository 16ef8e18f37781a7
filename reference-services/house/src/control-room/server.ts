import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { reasonOf } from '../start-error.ts';
import { problem, type Reply, send } from './reply.ts';
import { type Controls, createRoutes, type Route } from './routes.ts';
import { objectionTo } from './same-origin.ts';

export interface ControlRoom {
  close(): void;
}

const HOST = '127.0.0.1';

/** Serves the page and what it asks for, to this machine only. */
export async function startControlRoom(port: number, controls: Controls): Promise<ControlRoom> {
  const routes = createRoutes(controls);
  const server = createServer({ headersTimeout: 5000, requestTimeout: 10_000 });
  server.maxConnections = 200;
  server.on('request', (request, response) => {
    request.resume(); // no request here has a body that matters
    answer(request, routes)
      .catch((error) => problem(500, 'Internal error', reasonOf(error)))
      .then((reply) => send(response, reply));
  });
  server.listen(port, HOST);
  await once(server, 'listening');
  return {
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  request: IncomingMessage,
  routes: (path: string) => Route | undefined,
): Promise<Reply> {
  const objection = objectionTo(request.headers);
  if (objection) return problem(403, 'Forbidden', objection);
  const path = (request.url ?? '').split('?')[0] ?? '';
  const route = routes(path);
  if (!route) return problem(404, 'Not found', `nothing answers at ${path.slice(0, 100)}`);
  // Node leaves the body out of an answer to HEAD.
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  if (method === route.method) return route.reply();
  const detail = `${path} takes ${route.method}`;
  return problem(405, 'Method not allowed', detail, { allow: route.method });
}
