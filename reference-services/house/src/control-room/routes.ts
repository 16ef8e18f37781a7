import type { Part } from '../part.ts';
import { readAssets } from './assets.ts';
import { json, problem, type Reply } from './reply.ts';
import type { Example, UserService } from './user-service.ts';

/** What the control room shows and steers. */
export interface Controls {
  readonly users: UserService;
  readonly service: Pick<Part, 'state' | 'restarts'>;
  /** The database that can be stopped and started; undefined when it is not ours. */
  readonly database: Pick<Part, 'state' | 'start' | 'stop'> | undefined;
  /** Users to ask for, at least one. */
  readonly examples: readonly Example[];
}

export interface Route {
  readonly method: 'GET' | 'POST';
  reply(): Promise<Reply>;
}

const SHOWN_EXAMPLES = 5;
const USERS = '/api/users/';

/** Finds what answers at a path. */
export function createRoutes(controls: Controls): (path: string) => Route | undefined {
  const assets = [...readAssets()].map(([path, asset]): [string, Route] => [
    path,
    get(async () => ({ status: 200, ...asset })),
  ]);
  const fixed = new Map<string, Route>([
    ...assets,
    ['/api/state', get(() => state(controls))],
    ['/api/examples', get(async () => json(spread(controls.examples, SHOWN_EXAMPLES)))],
    ['/api/examples/random', get(async () => json(anyOf(controls.examples)))],
    ['/api/examples/random/change', post(() => changeAny(controls))],
    ['/api/database/stop', post(() => turnDatabase(controls, 'stop'))],
    ['/api/database/start', post(() => turnDatabase(controls, 'start'))],
  ]);
  return (path) => fixed.get(path) ?? userRoute(controls.users, path);
}

const get = (reply: Route['reply']): Route => ({ method: 'GET', reply });
const post = (reply: Route['reply']): Route => ({ method: 'POST', reply });

function userRoute(users: UserService, path: string): Route | undefined {
  if (!path.startsWith(USERS)) return undefined;
  const id = unescaped(path.slice(USERS.length));
  // A URL would take one or two dots as a way to another place.
  if (!id || id === '.' || id === '..') return undefined;
  return get(async () => json(await users.ask(id)));
}

async function state({ users, service, database }: Controls): Promise<Reply> {
  return json({
    database: database ? database.state : 'external',
    service: { state: service.state, restarts: service.restarts },
    stats: await users.stats(),
  });
}

async function changeAny({ users, examples }: Controls): Promise<Reply> {
  const example = anyOf(examples);
  if (!example) return problem(409, 'Not available', 'there is no user who could be changed');
  return json({ name: example.name, status: await users.change(example) });
}

async function turnDatabase({ database }: Controls, how: 'stop' | 'start'): Promise<Reply> {
  if (!database) {
    const detail = 'the database is one of yours (DATABASE_URL): the house does not stop it';
    return problem(409, 'Not available', detail);
  }
  await database[how]();
  return json({ database: database.state });
}

/** Some items, far from each other. */
function spread<T>(items: readonly T[], count: number): T[] {
  const step = Math.max(1, Math.floor(items.length / count));
  return items.filter((_, index) => index % step === 0).slice(0, count);
}

function anyOf<T>(items: readonly T[]): T | null {
  return items[Math.floor(Math.random() * items.length)] ?? null;
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
