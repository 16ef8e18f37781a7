import { randomUUID } from 'node:crypto';
import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { expect, test } from 'vitest';
import { sql } from './support/database.ts';
import type { Answer } from './support/service.ts';
import { useService } from './support/use-service.ts';

const postgres = useServer(startPostgres);
const running = useService(postgres);

const fresh = () => `${randomUUID()}@example.com`;
const create = (json: object) => running().service.call('POST', '/users', { json });
const get = (path: string) => running().service.get(path, { token: undefined });
const nobody = '01a20435-0000-7000-8000-000000000000';

async function createdId(): Promise<string> {
  const { body } = await create({ email: fresh(), name: 'Ann' });
  return String(body['id']);
}

function ids(answer: Answer): string[] {
  return (answer.body['users'] as { id: string }[]).map(({ id }) => id);
}

test('creates a user, says where it is, and answers it there', async () => {
  const created = await create({ email: 'Ann.Lee@Example.com', name: ' Ann Lee ' });
  expect(created.status).toBe(201);
  expect(created.body).toEqual({
    id: expect.stringMatching(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ),
    email: 'ann.lee@example.com',
    name: 'Ann Lee',
    version: 1,
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    updatedAt: created.body['createdAt'],
  });
  const location = created.headers.get('location');
  expect(location).toBe(`/users/${created.body['id']}`);
  const read = await get(String(location));
  expect(read.status).toBe(200);
  expect(read.body).toEqual(created.body);
  expect(read.headers.get('etag')).toBe(created.headers.get('etag'));
});

test('answers a user from the cache the second time, and says so', async () => {
  const path = `/users/${await createdId()}`;
  const first = await get(path);
  expect(first.headers.get('cache-status')).toBe('user-service; fwd=miss; stored');
  expect(first.headers.has('age')).toBe(false);
  const second = await get(path.toUpperCase().replace('/USERS', '/users'));
  expect(second.headers.get('cache-status')).toMatch(/^user-service; hit; ttl=\d+; detail=l1$/);
  expect(second.headers.get('age')).toBe('0');
  expect(second.headers.get('cache-control')).toBe('private, no-cache');
  expect(second.body).toEqual(first.body);
});

test('answers 304 to who has the current version', async () => {
  const path = `/users/${await createdId()}`;
  // Without the second header, `fetch` would ask for a full answer.
  const headers = { 'if-none-match': '"1"', 'cache-control': 'max-age=0' };
  const answer = await running().service.get(path, { headers });
  expect(answer.status).toBe(304);
});

test('changes the given fields only, and reads its own write', async () => {
  const path = `/users/${await createdId()}`;
  const before = await get(path);
  const changed = await running().service.call('PATCH', path, { json: { name: 'Anna' } });
  expect(changed.status).toBe(200);
  expect(changed.body).toEqual({
    ...before.body,
    name: 'Anna',
    version: 2,
    updatedAt: changed.body['updatedAt'],
  });
  expect(changed.headers.get('etag')).toBe('"2"');
  expect((await get(path)).body).toEqual(changed.body);
});

test('takes a merge patch under its own media type', async () => {
  const path = `/users/${await createdId()}`;
  const headers = { 'content-type': 'application/merge-patch+json' };
  const changed = await running().service.call('PATCH', path, { json: { name: 'Anna' }, headers });
  expect(changed.body['name']).toBe('Anna');
});

test('lets one of two writers who read the same version lose, and tells him', async () => {
  const path = `/users/${await createdId()}`;
  const write = (name: string) =>
    running().service.call('PATCH', path, { json: { name }, headers: { 'if-match': '"1"' } });
  const answers = await Promise.all([write('Anna'), write('Anne')]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
  const lost = answers.find(({ status }) => status === 412);
  expect(lost?.body).toMatchObject({ type: 'urn:shopgpt:problem:changed-meanwhile' });
  expect(lost?.headers.get('etag')).toBe('"2"');
});

test('removes a user once, and knows nothing of it afterwards', async () => {
  const path = `/users/${await createdId()}`;
  await get(path);
  const remove = () => running().service.call('DELETE', path);
  expect((await remove()).status).toBe(204);
  expect((await get(path)).status).toBe(404);
  expect((await remove()).status).toBe(404);
});

test('does not remove a user that was changed meanwhile', async () => {
  const path = `/users/${await createdId()}`;
  await running().service.call('PATCH', path, { json: { name: 'Anna' } });
  const headers = { 'if-match': '"1"' };
  expect((await running().service.call('DELETE', path, { headers })).status).toBe(412);
  expect((await get(path)).status).toBe(200);
});

test('answers 404 for an id that nobody has, and names it', async () => {
  const answer = await get(`/users/${nobody}`);
  expect(answer.status).toBe(404);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.body).toMatchObject({
    type: 'urn:shopgpt:problem:user-not-found',
    detail: expect.stringContaining(nobody),
  });
});

test('refuses an e-mail address that is taken, in any spelling, and leads to its owner', async () => {
  const email = fresh();
  const owner = await create({ email, name: 'Ann' });
  const other = await createdId();
  const again = await create({ email: email.toUpperCase(), name: 'Bob' });
  const moved = await running().service.call('PATCH', `/users/${other}`, { json: { email } });
  for (const answer of [again, moved]) {
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({
      type: 'urn:shopgpt:problem:email-taken',
      detail: expect.stringContaining(email),
      errors: [{ field: 'email', value: email }],
      user: `/users/${owner.body['id']}`,
    });
  }
});

test('creates one user of many who ask for the same e-mail address at once', async () => {
  const email = fresh();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => create({ email, name: 'Ann' })),
  );
  const created = answers.filter(({ status }) => status === 201);
  expect(created).toHaveLength(1);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 409]));
  const rows = await sql(running().databaseUrl, 'SELECT id FROM users WHERE email = $1', [email]);
  expect(rows).toEqual([{ id: created[0]?.body['id'] }]);
});

test('pages through all users once, in the order of creation, while others come and go', async () => {
  const url = running().databaseUrl;
  await sql(url, 'DELETE FROM users');
  for (let count = 0; count < 12; count += 1) await createdId();
  const expected = (await sql(url, 'SELECT id FROM users ORDER BY id')).map(({ id }) => id);

  const seen: string[] = [];
  let next: unknown = '/users?limit=5';
  for (let page = 0; next !== null; page += 1) {
    const answer = await get(String(next));
    expect(answer.status).toBe(200);
    seen.push(...ids(answer));
    next = answer.body['next'];
    expect(answer.headers.get('link')).toBe(next ? `<${next}>; rel="next"` : null);
    // Rows with lower ids than all others, and the last one seen goes away: an OFFSET would slip.
    const [first] = expected;
    await sql(url, `INSERT INTO users (id, email, name) VALUES ($1, $2, 'Early')`, [
      `00000000-0000-7000-8000-00000000000${page}`,
      fresh(),
    ]);
    if (page === 0) await running().service.call('DELETE', `/users/${seen.at(-1)}`);
    expect(first).toBe(seen[0]);
  }
  expect(seen).toEqual(expected);
});

test('gives an empty last page no next one', async () => {
  await sql(running().databaseUrl, 'DELETE FROM users');
  expect((await get('/users')).body).toEqual({ users: [], next: null });
  await createdId();
  const exact = await get('/users?limit=1');
  expect(ids(exact)).toHaveLength(1);
  expect(exact.body['next']).toBeNull();
});
