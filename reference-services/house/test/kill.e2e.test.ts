import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { HouseProcess, ownPlace } from './house-process.ts';
import { processesOf } from './processes.ts';

test('a house that was killed leaves nothing, and the next one waits for the last of it', async () => {
  const { folder, env } = await ownPlace();
  const killed = await new HouseProcess({ env }).ready();
  const service = pidOf(folder, 'end-with-parent');
  process.kill(service, 'SIGSTOP'); // it notices late
  await killed.kill('SIGKILL');

  const next = new HouseProcess({ env });
  setTimeout(() => process.kill(service, 'SIGCONT'), 1500);
  await next.ready();
  expect(next.stdout).not.toContain('Added');
  await next.kill('SIGTERM');
  await vi.waitUntil(() => processesOf(folder).length === 0, { timeout: 5000 });
});

test('a house that is killed while it makes its database leaves nothing, and the next one makes it', async () => {
  const { folder, env } = await ownPlace();
  const killed = new HouseProcess({ env });
  await vi.waitUntil(() => processesOf(path.join(folder, 'data/postgres')).length > 0, {
    timeout: 20_000,
    interval: 5,
  });
  await killed.kill('SIGKILL');
  await vi.waitUntil(() => processesOf(folder).length === 0, { timeout: 15_000 });

  const next = await new HouseProcess({ env }).ready();
  expect(next.stdout).toContain('Added 10,000 users.');
  await next.ctrlC();
  expect(processesOf(folder)).toEqual([]);
});

test('Ctrl-C during the first start ends it within 5 s, and leaves nothing', async () => {
  const { folder, env } = await ownPlace();
  const house = new HouseProcess({ env });
  await vi.waitUntil(() => processesOf(path.join(folder, 'data/postgres')).length > 0, {
    timeout: 20_000,
    interval: 5,
  });
  const { how, tookMs } = await house.ctrlC();
  expect(how).toBe(0);
  expect(tookMs).toBeLessThan(5000);
  expect(house.stderr).toBe('');
  await vi.waitUntil(() => processesOf(folder).length === 0, { timeout: 5000 });
});

test('a service that is killed is started again, and answers', async () => {
  const { folder, env } = await ownPlace();
  const house = await new HouseProcess({ env }).ready();
  process.kill(pidOf(folder, 'end-with-parent'), 'SIGKILL');
  await vi.waitUntil(() => house.stdout.includes('user-service is back'), { timeout: 20_000 });
  expect(house.stdout).toContain(
    'user-service ended by itself (killed by SIGKILL); starting it again in 0.5 s',
  );
  const answer = await fetch(`http://127.0.0.1:${env['USER_SERVICE_PORT']}/users?limit=1`);
  expect(answer.status).toBe(200);
  await house.ctrlC();
  expect(processesOf(folder)).toEqual([]);
});

test('a database that is killed is started again, and asked again', async () => {
  const { folder, env } = await ownPlace();
  const house = await new HouseProcess({ env }).ready();
  process.kill(pidOf(folder, 'bin/postgres -D'), 'SIGKILL');
  await vi.waitUntil(() => house.stdout.includes('PostgreSQL is back'), { timeout: 20_000 });
  const url = `http://127.0.0.1:${env['USER_SERVICE_PORT']}/users?limit=1`;
  await vi.waitUntil(async () => (await fetch(url)).ok, { timeout: 20_000, interval: 100 });
  await house.ctrlC();
  expect(processesOf(folder)).toEqual([]);
});

test('Ctrl-C ends a house whose database is switched off', async () => {
  const { folder, env } = await ownPlace();
  const house = await new HouseProcess({ env }).ready();
  const url = `http://127.0.0.1:${env['HOUSE_PORT']}/api/database/stop`;
  expect((await fetch(url, { method: 'POST' })).status).toBe(200);
  expect(processesOf(path.join(folder, 'data/postgres'))).toEqual([]);
  const { how, tookMs } = await house.ctrlC();
  expect(how).toBe(0);
  expect(tookMs).toBeLessThan(5000);
  expect(processesOf(folder)).toEqual([]);
});

test('a closed terminal ends everything within 5 s, and the next start finds all in order', async () => {
  const { folder, env } = await ownPlace();
  const left = await new HouseProcess({ env }).ready();
  left.hangUp();
  await vi.waitUntil(() => processesOf(folder).length === 0, { timeout: 5000 });
  expect(existsSync(path.join(folder, 'data/postgres/postmaster.pid'))).toBe(false);
  const next = await new HouseProcess({ env }).ready();
  expect((await next.ctrlC()).how).toBe(0);
});

/** The process of this house whose command has this in it. */
function pidOf(folder: string, command: string): number {
  const lines = processesOf(folder).filter(
    (line) => line.includes(command) && !line.includes('/bin/sh'),
  );
  expect(lines).toHaveLength(1);
  return Number.parseInt(lines[0] ?? '', 10);
}
