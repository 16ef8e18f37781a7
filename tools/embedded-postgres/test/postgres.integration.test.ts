import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Postgres, startPostgres } from '../src/index.ts';
import { allGone, childrenOf, isAlive } from '../src/processes.ts';
import {
  freePort,
  listeners,
  ordinary,
  removeFolder,
  startInChild,
  temporaryFolder,
} from './child.ts';

let folder: string;
let dataDir: string;
let freshDir: string;
let port: number;
let template: string;
const started: Postgres[] = [];

beforeAll(async () => {
  template = await temporaryFolder();
  const first = await startPostgres({
    ...options(),
    dataDir: path.join(template, 'data'),
    port: await freePort(),
  });
  await createKept(first.url);
  await first.stop();
});
afterAll(() => removeFolder(template));

beforeEach(async () => {
  folder = await temporaryFolder();
  dataDir = path.join(folder, 'data');
  freshDir = path.join(folder, 'fresh');
  port = await freePort();
  // A copy of one creation, which takes most of the time of a first start.
  execFileSync('cp', ['-a', path.join(template, 'data'), dataDir]);
});
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop();
  await removeFolder(folder);
});

const options = () => ({ dataDir, port, password: 'a b/c' });

async function start(more: object = {}): Promise<Postgres> {
  const server = await startPostgres({ ...options(), ...more });
  started.push(server);
  return server;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = await connect(url);
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function createKept(url: string): Promise<void> {
  await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer');
}

async function expectKept(url: string): Promise<void> {
  expect(await query(url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
}

describe('a server', () => {
  test('is PostgreSQL 18 in UTF-8 with a password, and keeps its data', async () => {
    const first = await start({ dataDir: freshDir });
    const [row] = await query(
      first.url,
      `SELECT current_setting('server_version_num')::int / 10000 AS major, pg_encoding_to_char(encoding) AS encoding
       FROM pg_database WHERE datname = 'postgres'`,
    );
    expect(row).toEqual({ major: 18, encoding: 'UTF8' });
    await createKept(first.url);
    await first.stop();
    await expect(query(first.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await expectKept((await start({ dataDir: freshDir })).url);
    const wrong = first.url.replace(encodeURIComponent('a b/c'), 'wrong');
    await expect(query(wrong, 'SELECT 1')).rejects.toThrow('password authentication failed');
  });

  test('listens on 127.0.0.1 only, and on no socket file', async () => {
    const { pid } = await start();
    const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
    expect(await listeners(pid)).toEqual([`0100007F:${hexPort}`]);
    expect(readFileSync('/proc/net/unix', 'utf8')).not.toContain(`.s.PGSQL.${port}`);
  });

  test('never runs as root', async () => {
    const { pid } = await start();
    expect(uidOf(pid)).not.toBe(0);
  });

  test('takes settings', async () => {
    const { url } = await start({ settings: { max_connections: 7, work_mem: '5MB' } });
    expect(await query(url, 'SHOW max_connections')).toEqual([{ max_connections: '7' }]);
    expect(await query(url, 'SHOW work_mem')).toEqual([{ work_mem: '5MB' }]);
  });

  test('has another superuser when one is asked for', async () => {
    const { url } = await start({ dataDir: freshDir, user: 'shop owner' });
    expect(await query(url, 'SELECT current_user')).toEqual([{ current_user: 'shop owner' }]);
  });

  test('removes the data of a test when it is stopped, not when it is killed', async () => {
    const first = await start({ throwAway: true });
    await first.kill();
    const second = await start({ throwAway: true });
    await expectKept(second.url);
    await second.stop();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('faults', () => {
  test('a paused server is silent on open and new connections, and goes on when it is resumed', async () => {
    const server = await start();
    const open = await connect(server.url);
    await server.pause();
    const answers = Promise.all([open.query('SELECT 1'), query(server.url, 'SELECT 1')]);
    expect(await Promise.race([answers, sleep(300, 'silence')])).toBe('silence');
    await server.resume();
    expect(await answers).toHaveLength(2);
    await open.end();
  });

  test('a killed server is gone with its children, and comes back with its data', async () => {
    const server = await start();
    const open = await connect(server.url);
    const children = await childrenOf(server.pid);
    expect(children.length).toBeGreaterThan(3);
    await server.kill();
    expect(await allGone([server.pid, ...children], 0)).toBe(true);
    expect(await server.exited).toBe(137);
    await open.end().catch(() => undefined);
    await expectKept((await start()).url);
  });

  test('a paused server can be killed', async () => {
    const server = await start();
    await server.pause();
    const children = await childrenOf(server.pid);
    await server.kill();
    expect(await allGone([server.pid, ...children], 0)).toBe(true);
  });

  test('a start right after a stranger killed the main process alone recovers', async () => {
    const server = await start();
    const open = await connect(server.url);
    const [child = 0] = await childrenOf(server.pid);
    process.kill(child, 'SIGSTOP');
    process.kill(server.pid, 'SIGKILL');
    const again = start();
    // What is left of the old server still holds its memory.
    expect(await Promise.race([again, sleep(1_000, 'waits')])).toBe('waits');
    process.kill(child, 'SIGCONT');
    await expectKept((await again).url);
    await open.end().catch(() => undefined);
  });
});

describe('when the parent is killed', () => {
  test.each([
    { state: 'running', isPaused: false },
    { state: 'paused', isPaused: true },
  ])('a server that is $state ends, and the next start keeps the data', async ({ isPaused }) => {
    const child = await startInChild(options(), { isPaused });
    const { pid = 0 } = child.answer;
    const all = [pid, ...(await childrenOf(pid))];
    await child.kill();
    // At once: the old server may still be ending.
    await expectKept((await start()).url);
    expect(await allGone(all, 10_000)).toBe(true);
  });

  test('the data of a test are removed', async () => {
    const child = await startInChild({ ...options(), throwAway: true });
    await child.kill();
    expect(await allGone([child.answer.pid ?? 0], 10_000)).toBe(true);
    await expect
      .poll(async () => readdir(dataDir).catch(() => []), { timeout: 10_000 })
      .toEqual([]);
  });

  test('together with the guard and the server, the next start recovers', async () => {
    const child = await startInChild(options());
    const { pid = 0 } = child.answer;
    process.kill(parentOf(pid), 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await child.kill();
    await expectKept((await start()).url);
  });

  test('and its process id belongs to another process now, the next start recovers', async () => {
    const server = await start();
    await server.kill();
    const lock = path.join(dataDir, 'postmaster.pid');
    const lines = readFileSync(lock, 'utf8').split('\n');
    // Of the same user, as PostgreSQL itself would then refuse to start.
    const other = await startInChild({
      ...options(),
      dataDir: `${dataDir}-other`,
      port: await freePort(),
    });
    await writeFile(lock, [other.answer.pid, ...lines.slice(1)].join('\n'));
    await expectKept((await start()).url);
    await other.kill();
    expect(await allGone([other.answer.pid ?? 0], 10_000)).toBe(true);
  });

  test('while the data are created, the next start creates them', async () => {
    const child = startInChild({ ...options(), dataDir: freshDir }).catch(() => undefined);
    await expect.poll(() => readdir(folder)).toContainEqual(expect.stringContaining('.new-'));
    const creating = (await readdir(folder)).find((name) => name.includes('.new-')) ?? '';
    process.kill(Number.parseInt(creating.split('.new-')[1] ?? '', 10), 'SIGKILL');
    await child;
    const server = await start({ dataDir: freshDir });
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.stop();
    // What the killed one had begun may have written a last time: a start after that removes it.
    const leftovers = async () => {
      const again = await start({ dataDir: freshDir });
      await again.stop();
      return readdir(folder);
    };
    await expect.poll(leftovers).toEqual(['data', 'fresh']);
  });
});

describe('a start that cannot be is refused in one clear sentence', () => {
  const refusal = (more: object = {}) => expect(start(more)).rejects;

  test('when the port is taken', async () => {
    const other = createServer().listen(port, '127.0.0.1');
    await refusal().toMatchObject({
      name: 'EmbeddedPostgresError',
      code: 'ERR_EMBEDDED_POSTGRES_PORT_TAKEN',
      message: expect.stringContaining(`${port}`),
    });
    other.close();
    expect(await query((await start()).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('when another server works on the data', async () => {
    const first = await start();
    await refusal({ port: await freePort() }).toMatchObject({
      code: 'ERR_EMBEDDED_POSTGRES_DATA_IN_USE',
      message: expect.stringContaining(`process ${first.pid}`),
    });
    expect(await query(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('when the folder has other files, which stay', async () => {
    await mkdir(freshDir);
    await writeFile(path.join(freshDir, 'diary.txt'), 'dear');
    await refusal({ dataDir: freshDir }).toMatchObject({
      code: 'ERR_EMBEDDED_POSTGRES_FOLDER',
      message: expect.stringContaining(freshDir),
    });
    expect(await readFile(path.join(freshDir, 'diary.txt'), 'utf8')).toBe('dear');
    expect(await readdir(folder)).toEqual(['data', 'fresh']);
  });

  test('when the folder is below a file', async () => {
    await writeFile(path.join(folder, 'file'), '');
    const below = path.join(folder, 'file/data');
    await refusal({ dataDir: below }).toMatchObject({ code: 'ERR_EMBEDDED_POSTGRES_FOLDER' });
  });

  test('when an ordinary user may not write the folder', async () => {
    const closed = path.join(folder, 'closed');
    await mkdir(closed, { mode: 0o555 });
    const ids = ordinary;
    const { answer } = await startInChild(
      { ...options(), dataDir: path.join(closed, 'data') },
      { ids },
    );
    expect(answer).toMatchObject({ code: 'ERR_EMBEDDED_POSTGRES_FOLDER' });
    expect(answer.message).toContain('permission denied');
    await chmod(closed, 0o755);
  });

  test('when PostgreSQL itself refuses', async () => {
    await refusal({ settings: { no_such_setting: 1 } }).toMatchObject({
      code: 'ERR_EMBEDDED_POSTGRES_START',
      message: expect.stringContaining('no_such_setting'),
    });
  });
});

describe('two starts at once', () => {
  test('create the data once, and the second one is told that they are in use', async () => {
    const others = [await freePort(), await freePort()];
    const children = await Promise.all(
      others.map((free) => startInChild({ ...options(), dataDir: freshDir, port: free })),
    );
    const codes = children.map(({ answer }) => answer.code ?? 'started').sort();
    expect(codes).toEqual(['ERR_EMBEDDED_POSTGRES_DATA_IN_USE', 'started']);
    const { pid = 0 } = children.find(({ answer }) => answer.pid)?.answer ?? {};
    for (const child of children) await child.kill();
    expect(await allGone([pid], 10_000)).toBe(true);
    expect(await readdir(folder)).toEqual(['data', 'fresh']);
  });
});

test('as an ordinary user it runs as that user', async () => {
  const ids = ordinary;
  if (ids) await chown(folder, ids.uid, ids.gid);
  const child = await startInChild(
    { ...options(), dataDir: freshDir },
    { ids, env: { HOME: '/nonexistent' } },
  );
  const { pid = 0, url = '' } = child.answer;
  expect(child.answer).toMatchObject({ pid: expect.any(Number) });
  expect(uidOf(pid)).toBe(ids?.uid ?? process.getuid?.());
  await createKept(url);
  await child.kill();
  // Root then works on these data as their owner, and leaves them to him.
  const server = await start({ dataDir: freshDir });
  expect(uidOf(server.pid)).toBe(ids?.uid ?? process.getuid?.());
  await expectKept(server.url);
  expect(await isAlive(pid)).toBe(false);
});

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function uidOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
