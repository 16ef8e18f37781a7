import { startPostgres, startRedis } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { expect, test } from 'vitest';
import { HouseProcess, ownPlace } from './house-process.ts';
import { processesOf } from './processes.ts';

const postgres = useServer(startPostgres, { own: true });
const redis = useServer(startRedis, { own: true });

test('with DATABASE_URL and REDIS_URL the house runs on those, and leaves them alone', async () => {
  const { folder, env } = await ownPlace();
  const external = { DATABASE_URL: postgres().url, REDIS_URL: redis().url, CACHE_TTL_MS: '60000' };
  const start = () => new HouseProcess({ env: { ...env, ...external } }).ready();
  const room = `http://127.0.0.1:${env['HOUSE_PORT']}`;
  const get = async (path: string) => JSON.parse(await (await fetch(room + path)).text());

  const first = await start();
  expect(first.stdout).toContain('Added 10,000 users.');
  expect(first.stdout).not.toContain('embedded');
  expect(first.stdout).not.toContain(new URL(postgres().url).password);
  expect(processesOf(folder).filter((line) => line.includes('postgres'))).toEqual([]);
  const [{ id }] = await get('/api/examples');
  expect(await get(`/api/users/${id}`)).toMatchObject({ status: 200, tier: 'database' });
  expect(await get('/api/state')).toMatchObject({ database: 'external' });
  const refused = await fetch(`${room}/api/database/stop`, { method: 'POST' });
  expect(refused.status).toBe(409);
  expect(await refused.json()).toMatchObject({ title: 'Not available' });
  await first.ctrlC();

  const second = await start();
  expect(second.stdout).not.toContain('Added');
  expect(await get(`/api/users/${id}`)).toMatchObject({ status: 200, tier: 'l2' });
  await second.ctrlC();
  expect(processesOf(folder)).toEqual([]);
});
