import { startPostgres, startProxy, startRedis } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createDatabase, dropDatabase } from './support/database.ts';
import { type Service, startService } from './support/service.ts';

const postgres = useServer(startPostgres);
const redis = useServer(startRedis, { own: true });
const patience = { timeout: 20_000, interval: 50 };
/** So long that only being told explains why a process forgets what it has in memory. */
const l1TtlMs = 60_000;

let url = '';
let env: Readonly<Record<string, string>>;
let one: Service;
let two: Service;
let serial = 0;

beforeAll(async () => {
  url = await createDatabase(postgres().url);
  env = { DATABASE_URL: url, REDIS_URL: redis().url, CACHE_L1_TTL_MS: String(l1TtlMs) };
  [one, two] = await Promise.all([startService(env), startService(env)]);
});
afterAll(async () => {
  await Promise.all([one.stop(), two.stop()]);
  await dropDatabase(postgres().url, url);
});

async function created(): Promise<string> {
  serial += 1;
  const json = { email: `user-${serial}@example.com`, name: 'Ann' };
  return `/users/${(await one.call('POST', '/users', { json })).body['id']}`;
}

test('what one process has read, the other has from Redis', async () => {
  const path = await created();
  const first = await one.get(path);
  expect(first.headers.get('cache-status')).toBe('user-service; fwd=miss; stored');
  const second = await vi.waitFor(async () => {
    const answer = await two.get(path);
    expect(answer.headers.get('cache-status')).toMatch(/; hit; ttl=\d+; detail=l2$/);
    return answer;
  }, patience);
  expect(second.body).toEqual(first.body);
  expect(second.headers.get('etag')).toBe('"1"');
});

test('what one process changes, the other hears of and forgets from its memory', async () => {
  const path = await created();
  await Promise.all([one.get(path), two.get(path)]);
  const changed = await one.call('PATCH', path, { json: { name: 'Anna' } });
  expect((await one.get(path)).body).toEqual(changed.body);
  await vi.waitFor(async () => expect((await two.get(path)).body).toEqual(changed.body), patience);
  const changedAgain = await two.call('PATCH', path, { json: { name: 'Anne' } });
  expect((await two.get(path)).body).toEqual(changedAgain.body);
  await vi.waitFor(
    async () => expect((await one.get(path)).body).toEqual(changedAgain.body),
    patience,
  );
});

test('a cursor of one process is good for the other', async () => {
  await created();
  await created();
  const { body } = await one.get('/users?limit=1');
  expect((await two.get(String(body['next']))).status).toBe(200);
});

test('two writers in two processes do not lose a change', async () => {
  const path = await created();
  const answers = await Promise.all(
    [one, two].map((service, n) =>
      service.call('PATCH', path, { json: { name: `Ann ${n}` }, headers: { 'if-match': '"1"' } }),
    ),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
});

test('a process that starts while the database is away answers what Redis has', async () => {
  const path = await created();
  const { body } = await one.get(path);
  const proxy = await startProxy({ target: url });
  proxy.cut();
  const late = await startService({ ...env, DATABASE_URL: proxy.url() });
  try {
    const answer = await late.get(path);
    expect(answer.headers.get('cache-status')).toMatch(/; hit; ttl=\d+; detail=l2$/);
    expect(answer.body).toEqual(body);
  } finally {
    await late.stop();
    await proxy.stop();
  }
});
