import { expect, test, vi } from 'vitest';
import { type Controls, createRoutes } from './routes.ts';

const example = (id: string) => ({ id, name: `Name of ${id}` });
const answered = {
  status: 200,
  tier: 'l1' as const,
  tookMs: 1,
  ageSeconds: 0,
  cacheStatus: undefined,
  retryAfterSeconds: undefined,
  body: {},
};

function setUp(change: Partial<Controls> = {}) {
  const users = {
    untilReady: vi.fn(),
    ask: vi.fn(async () => answered),
    change: vi.fn(async () => 200),
    stats: vi.fn(async () => ({ components: [] })),
    examples: vi.fn(),
  };
  const database = { state: 'running' as const, start: vi.fn(), stop: vi.fn() };
  const service = { state: 'running' as const, restarts: 2 };
  const examples = Array.from({ length: 23 }, (_, index) => example(`${index}`));
  const routes = createRoutes({ users, database, service, examples, ...change });
  const body = async (path: string) => JSON.parse(String((await routes(path)?.reply())?.content));
  return { users, database, routes, body };
}

test('the page and all that it needs is served', async () => {
  const { routes } = setUp();
  const page = await routes('/')?.reply();
  const wanted = [...String(page?.content).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, to]) => to);
  expect(wanted.toSorted()).toEqual(['/app.js', '/icon.svg', '/style.css']);
  for (const path of wanted) expect(routes(path ?? '')).toMatchObject({ method: 'GET' });
});

test('the page has nothing inline', async () => {
  const { content } = (await setUp().routes('/')?.reply()) ?? {};
  expect(String(content)).not.toMatch(/<style| style=| on[a-z]+=|<script(?![^>]* src=)/);
});

test('a few examples are shown, far from each other', async () => {
  expect(await setUp().body('/api/examples')).toEqual(['0', '4', '8', '12', '16'].map(example));
});

test('all examples are shown when there are few, and none is invented', async () => {
  const { body } = setUp({ examples: [example('0')] });
  expect(await body('/api/examples')).toEqual([example('0')]);
  expect(await body('/api/examples/random')).toEqual(example('0'));
  expect(await setUp({ examples: [] }).body('/api/examples/random')).toBeNull();
});

test('what is asked for is handed on unescaped', async () => {
  const { users, body } = setUp();
  expect(await body('/api/users/a%2Fb')).toEqual(JSON.parse(JSON.stringify(answered)));
  expect(users.ask).toHaveBeenCalledWith('a/b');
});

test.each(['', '.', '..', '%2e%2e', '%zz'])('"%s" is no user that could be asked for', (id) => {
  expect(setUp().routes(`/api/users/${id}`)).toBeUndefined();
});

test('the state names database, service and their numbers', async () => {
  expect(await setUp().body('/api/state')).toEqual({
    database: 'running',
    service: { state: 'running', restarts: 2 },
    stats: { components: [] },
  });
  expect(await setUp({ database: undefined }).body('/api/state')).toMatchObject({
    database: 'external',
  });
});

test('a user is changed by POST only, and told is what the service answered', async () => {
  const { routes, users } = setUp({ examples: [example('0')] });
  const route = routes('/api/examples/random/change');
  expect(route?.method).toBe('POST');
  users.change.mockResolvedValue(503);
  const content = String((await route?.reply())?.content);
  expect(JSON.parse(content)).toEqual({ name: 'Name of 0', status: 503 });
  expect(users.change).toHaveBeenCalledWith(example('0'));
  const { routes: empty } = setUp({ examples: [] });
  expect(await empty('/api/examples/random/change')?.reply()).toMatchObject({ status: 409 });
});

test.each(['stop', 'start'] as const)('the database is told to %s, by POST only', async (how) => {
  const { routes, database } = setUp();
  const route = routes(`/api/database/${how}`);
  expect(route?.method).toBe('POST');
  await route?.reply();
  expect(database[how]).toHaveBeenCalledTimes(1);
});

test('a database that is not ours is not stopped', async () => {
  const reply = await setUp({ database: undefined }).routes('/api/database/stop')?.reply();
  expect(reply?.status).toBe(409);
});
