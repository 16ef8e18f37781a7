import { chmod, mkdtemp, readdir, rmdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startPostgres, startRedis, startValkey, type TestServer } from '../src/index.ts';
import { useServer } from '../src/vitest.ts';
import { isAlive, listeners, outcomeAfter, startInKilledParent } from './child.ts';

interface Asker {
  ask(): Promise<unknown>;
  close(): Promise<unknown>;
}

/** A connection that is open, so that a fault is felt on it. */
async function askRedis(url: string): Promise<Asker> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  await client.connect();
  return { ask: () => client.ping(), close: async () => client.disconnect() };
}

async function askPostgres(url: string): Promise<Asker> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  return { ask: () => client.query('SELECT 1'), close: () => client.end().catch(() => undefined) };
}

const kinds = [
  { name: 'Redis', start: startRedis, connect: askRedis, version: /^[7-9]\./ },
  { name: 'Valkey', start: startValkey, connect: askRedis, version: /^9\./ },
  { name: 'PostgreSQL', start: startPostgres, connect: askPostgres, version: /^18\./ },
];

/** As the common one: everybody may put files there, and remove his own. */
async function ownTemporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'shopgpt-leftovers-'));
  await chmod(folder, 0o1777);
  vi.stubEnv('TMPDIR', folder);
  return folder;
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.each(kinds)('$name', ({ name, start, connect, version }) => {
  const server = useServer<{ own: boolean }, TestServer>(start, { own: true });

  test('says what it is, and listens on loopback only', async () => {
    expect(server()).toMatchObject({ name, version: expect.stringMatching(version) });
    const { port, hostname } = new URL(server().url);
    expect(hostname).toBe('127.0.0.1');
    const hex = Number(port).toString(16).toUpperCase().padStart(4, '0');
    expect(await listeners(server().pid ?? 0)).toEqual([`0100007F:${hex}`]);
  });

  test('is silent while paused, and answers once it is resumed', async () => {
    const asker = await connect(server().url);
    await server().pause();
    const answer = asker.ask();
    expect(await outcomeAfter(300, answer)).toBe('silence');
    await server().resume();
    expect(await answer).toBeDefined();
    await asker.close();
  });

  test('is gone when killed, and comes back on the same port', async () => {
    const { pid: before = 0, url } = server();
    await server().kill();
    expect(await isAlive(before)).toBe(false);
    await expect(connect(url)).rejects.toThrow();
    await server().restart();
    expect(server().pid).not.toBe(before);
    expect(server().url).toBe(url);
    const asker = await connect(url);
    expect(await asker.ask()).toBeDefined();
    await asker.close();
  });

  test('restarts while it runs or is paused', async () => {
    await server().restart();
    await server().pause();
    await server().restart();
    const asker = await connect(server().url);
    expect(await asker.ask()).toBeDefined();
    await asker.close();
  });

  test('can run twice at once', async () => {
    const others = await Promise.all([start({ own: true }), start({ own: true })]);
    const ports = [server(), ...others].map(({ url }) => new URL(url).port);
    expect(new Set(ports).size).toBe(3);
    for (const other of others) await other.stop();
  });

  test.each(['running', 'paused', 'killed'])(
    'leaves nothing when stopped while %s',
    async (state) => {
      const folder = await ownTemporaryFolder();
      const other = await start({ own: true });
      const { pid = 0 } = other;
      if (state === 'paused') await other.pause();
      if (state === 'killed') await other.kill();
      await other.stop();
      await other.stop();
      expect(await isAlive(pid)).toBe(false);
      // Empty, or it could not be removed.
      await rmdir(folder);
      await expect(other.restart()).rejects.toThrow('stopped for good');
    },
  );

  test.each(['running', 'paused'])(
    'ends when its parent is killed while it is %s',
    async (state) => {
      const folder = await ownTemporaryFolder();
      const [pid = 0] = await startInKilledParent(name, state);
      await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
      await expect.poll(() => readdir(folder), { timeout: 10_000 }).toEqual([]);
      await rmdir(folder);
    },
  );
});

describe('PostgreSQL', () => {
  const server = useServer(startPostgres, { own: true, settings: { max_connections: 9 } });
  const query = async (sql: string) => {
    const client = new pg.Client(server().url);
    await client.connect();
    const { rows } = await client.query(sql);
    await client.end();
    return rows;
  };

  test('keeps what was committed over a kill, and takes settings', async () => {
    await query('CREATE TABLE kept AS SELECT 42 AS answer');
    await server().kill();
    await server().restart();
    expect(await query('SELECT * FROM kept')).toEqual([{ answer: 42 }]);
    expect(await query('SHOW max_connections')).toEqual([{ max_connections: '9' }]);
  });
});

describe('Redis', () => {
  const server = useServer(startRedis, { own: true, args: ['--appendonly', 'yes'] });

  test('takes arguments, e.g. to keep its data over a kill', async () => {
    const client = new Redis(server().url);
    client.on('error', () => undefined);
    await client.set('kept', '42');
    await server().kill();
    await server().restart();
    expect(await client.get('kept')).toBe('42');
    client.disconnect();
  });

  test('says why it does not start', async () => {
    const start = startRedis({ own: true, args: ['--no-such-argument', '1'] });
    await expect(start).rejects.toThrow(/did not start .*no-such-argument/s);
  });
});
