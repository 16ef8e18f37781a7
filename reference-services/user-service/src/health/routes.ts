import { type RequestHandler, Router } from 'express';
import type { Outlet } from '../events/outlet.ts';
import { methodNotAllowed } from '../http/fallbacks.ts';
import { componentNumbers } from './components.ts';

/** What the health of this service hangs on. */
export interface Health {
  /** True from the first signal to stop: no further requests, please. */
  isStopping(): boolean;
  /** Without it no user can be written, nor read unless cached. */
  database(): Promise<boolean>;
  /** Without it every replica has its own cache only. `undefined` when none is configured. */
  readonly redis: (() => Promise<boolean>) | undefined;
  /** Without Kafka events wait in the outbox, and nobody waits for them. */
  readonly events: Pick<Outlet, 'kafka' | 'health' | 'recent'>;
  /** Plain numbers that are not in a component, such as those of the pool. */
  numbers(): object;
}

type State = 'up' | 'down' | 'off';
type Dependencies = Readonly<Record<'database' | 'redis' | 'kafka', State>>;

/** `/livez`, `/readyz`, `/health` for everybody; `/stats` for who has the token. */
export function healthRoutes(health: Health, guard: RequestHandler): Router {
  const router = Router();
  const refuse = methodNotAllowed('GET', 'HEAD');

  /** The process turns its event loop: that it answers is the answer. */
  router
    .route('/livez')
    .get((_request, response) => void response.json({ status: 'live' }))
    .all(refuse);

  /** Whether requests should be sent here. Who cannot have Redis or Kafka is slower or later, not wrong. */
  router
    .route('/readyz')
    .get(async (_request, response) => {
      const dependencies = await states(health);
      const isReady = dependencies.database === 'up' && !health.isStopping();
      response.status(isReady ? 200 : 503).json({
        status: isReady ? 'ready' : 'not ready',
        ...(health.isStopping() && { stopping: true }),
        degraded: degraded(dependencies),
      });
    })
    .all(refuse);

  /** A summary for people. Answers 200 while the process can say anything at all. */
  router
    .route('/health')
    .get(async (_request, response) => {
      const dependencies = await states(health);
      const { messaging, relay } = health.events.health();
      response.json({
        status: degraded(dependencies).length > 0 ? 'degraded' : 'ok',
        uptimeSeconds: Math.floor(process.uptime()),
        dependencies,
        events: { messaging: messaging.status, relay: relay.status },
      });
    })
    .all(refuse);

  router
    .route('/stats')
    .get(guard, (_request, response) => {
      response.json({
        ...health.numbers(),
        events: { ...health.events.health(), recent: health.events.recent() },
        components: componentNumbers(),
      });
    })
    .all(refuse);

  return router;
}

async function states({ database, redis, events }: Health): Promise<Dependencies> {
  const [isDatabaseUp, isRedisUp, kafka] = await Promise.all([
    database(),
    redis?.(),
    events.kafka(),
  ]);
  return {
    database: isDatabaseUp ? 'up' : 'down',
    redis: isRedisUp === undefined ? 'off' : isRedisUp ? 'up' : 'down',
    kafka,
  };
}

function degraded(dependencies: Dependencies): string[] {
  return Object.entries(dependencies).flatMap(([name, state]) => (state === 'down' ? [name] : []));
}
