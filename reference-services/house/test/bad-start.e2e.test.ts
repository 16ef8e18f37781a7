import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { expect, onTestFinished, test } from 'vitest';
import { copyCheckout } from './checkout-copy.ts';
import { type HouseOptions, HouseProcess, ownPlace } from './house-process.ts';
import { processesOf } from './processes.ts';

const postgres = useServer(startPostgres);
const isRoot = process.getuid?.() === 0;
const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : undefined;

/** What is printed on standard error by a house that must refuse to start, and leave nothing. */
async function refusal(options: HouseOptions, folder: string): Promise<string> {
  const house = new HouseProcess(options);
  const { how } = await house.end();
  expect(how).toBe(1);
  expect(house.stderr).not.toMatch(/^ +at /m);
  expect(processesOf(folder)).toEqual([]);
  return house.stderr.trim();
}

async function takenPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' ? `${address?.port}` : '';
}

test('a wrong configuration is refused with all its mistakes at once', async () => {
  const { folder, env } = await ownPlace();
  const wrong = { HOUSE_PORT: 'http', USER_SERVICE_PORT: '0', REDIS_URL: 'localhost:6379' };
  expect(await refusal({ env: { ...env, ...wrong } }, folder)).toBe(
    [
      'The configuration is wrong:',
      '  HOUSE_PORT must be a port from 1 to 65535, got "http"',
      '  USER_SERVICE_PORT must be a port from 1 to 65535, got "0"',
      '  REDIS_URL must look like redis://host:6379',
    ].join('\n'),
  );
});

test('taken ports are refused together, before anything is made', async () => {
  const { folder, env } = await ownPlace();
  const taken = { HOUSE_PORT: await takenPort(), USER_SERVICE_PORT: await takenPort() };
  expect(await refusal({ env: { ...env, ...taken } }, folder)).toBe(
    [
      'The house cannot listen on 127.0.0.1:',
      `  port ${taken.HOUSE_PORT} is taken; set HOUSE_PORT to another`,
      `  port ${taken.USER_SERVICE_PORT} is taken; set USER_SERVICE_PORT to another`,
    ].join('\n'),
  );
});

test('a data folder that cannot be written is refused', async () => {
  const copy = copyCheckout(nobody ? { who: nobody } : {});
  onTestFinished(() => copy.remove());
  const dataDir = path.join(copy.folder, '.data');
  mkdirSync(dataDir);
  chmodSync(dataDir, 0o555);
  const { env } = await ownPlace();
  const ownDefault = { ...env, SHOPGPT_DATA_DIR: '' };
  expect(await refusal({ checkout: copy.folder, who: nobody, env: ownDefault }, copy.folder)).toBe(
    [
      `The data folder ${dataDir} cannot be written: EACCES: permission denied, access '${dataDir}'`,
      'Set SHOPGPT_DATA_DIR to a folder that can.',
    ].join('\n'),
  );
});

test('a second house on the data of a running one is refused, and the first runs on', async () => {
  const { folder, env } = await ownPlace();
  const first = await new HouseProcess({ env }).ready();
  const second = new HouseProcess({ env });
  expect((await second.end()).how).toBe(1);
  const url = `http://127.0.0.1:${env['HOUSE_PORT']}`;
  expect(second.stderr).toBe(
    `The data folder ${env['SHOPGPT_DATA_DIR']} is in use by a house that runs already (process ${first.pid}, ${url}).\n` +
      'Stop that one first, or give this one its own SHOPGPT_DATA_DIR, HOUSE_PORT and USER_SERVICE_PORT.\n',
  );
  expect((await fetch(url)).status).toBe(200);
  await first.ctrlC();
  expect(processesOf(folder)).toEqual([]);
});

test('a database whose kept password was lost is not thrown away, but named', async () => {
  const { folder, env } = await ownPlace();
  const first = await new HouseProcess({ env }).ready();
  await first.ctrlC();
  const data = env['SHOPGPT_DATA_DIR'] ?? '';
  rmSync(path.join(data, 'database-password'));
  expect(await refusal({ env }, folder)).toBe(
    `The embedded database did not start: it was created in ${data}/postgres with another password ` +
      'than the one kept beside it; delete that folder to begin anew',
  );
});

test('a service that refuses to start ends the house, with the words of the service', async () => {
  const { folder, env } = await ownPlace();
  const printed = await refusal({ env: { ...env, DEADLINE_MS: 'soon' } }, folder);
  expect(printed).toMatch(
    /^user-service did not start \(exit code 1\):\n(.*\n)*.*DEADLINE_MS must be/,
  );
});

const wrongDatabases = [
  {
    what: 'a server that is not there',
    change: { port: '1' },
    reason: 'connect ECONNREFUSED 127.0.0.1:1',
  },
  {
    what: 'a wrong password',
    change: { password: 'wr0ng-pass' },
    reason: 'password authentication failed for user',
  },
  {
    what: 'a missing database',
    change: { pathname: '/no_such' },
    reason: 'database "no_such" does not exist',
  },
];
test.each(wrongDatabases)('a DATABASE_URL with $what is refused', async ({ change, reason }) => {
  const { folder, env } = await ownPlace();
  const url = new URL(postgres().url);
  Object.assign(url, change);
  const printed = await refusal({ env: { ...env, DATABASE_URL: url.href } }, folder);
  expect(printed).toMatch(/^DATABASE_URL: postgres(ql)?:\/\/.*:\*\*\*@.* cannot be used: /);
  expect(printed).toContain(reason);
  expect(printed).not.toContain(url.password);
  expect(printed.split('\n')).toHaveLength(1);
});
