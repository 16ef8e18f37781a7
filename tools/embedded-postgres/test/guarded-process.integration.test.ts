import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GuardedOptions, startGuarded } from '../src/guarded-process.ts';
import { allGone, childrenOf, isAlive } from '../src/processes.ts';
import { removeFolder, stateOf, temporaryFolder, until } from './child.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => removeFolder(folder));

/** A server written in shell, which never ends by itself unless its text says so. */
const start = (text: string, options: Partial<GuardedOptions> = {}) =>
  startGuarded('/bin/sh', ['-c', text], {
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    ...options,
  });
const forever = 'while :; do sleep 0.05; done';

/** A server that does something of its own on SIGTERM. */
async function startTrapped(action: string, options: Partial<GuardedOptions> = {}) {
  const text = `trap '${action}' TERM; echo up; ${forever}`;
  const server = await start(text, { readyText: 'up', ...options });
  expect(await server.isReady(20_000)).toBe(true);
  return server;
}

describe('a server', () => {
  test('is reported with its own process id and its exit code', async () => {
    const server = await start('echo $$; exit 3');
    expect(await server.exited).toBe(3);
    expect(server.output()).toBe(`${server.pid}\n`);
  });

  test('is ready once it says so', async () => {
    const server = await start(`echo starting; echo "now ready"; ${forever}`, {
      readyText: 'now ready',
    });
    expect(await server.isReady(10_000)).toBe(true);
    expect(server.output()).toContain('now ready');
    await server.stop();
  });

  test('is not ready when it ends first', async () => {
    const server = await start('echo "no luck" >&2; exit 1', { readyText: 'ready' });
    expect(await server.isReady(10_000)).toBe(false);
    expect(server.output()).toBe('no luck\n');
  });

  test('is killed when it is not ready in time', async () => {
    const server = await start(forever, { readyText: 'ready' });
    expect(await server.isReady(50)).toBe(false);
    expect(await isAlive(server.pid)).toBe(false);
  });

  test('that cannot be started ends with the words of the shell', async () => {
    const server = await startGuarded('/no/such/program', [], { cwd: folder });
    expect(await server.exited).toBe(127);
    expect(server.output()).toContain('/no/such/program');
  });

  test('in a folder that is not there is refused', async () => {
    await expect(start(forever, { cwd: path.join(folder, 'gone') })).rejects.toThrow('ENOENT');
  });
});

describe('stopping', () => {
  test('is kind when the server is', async () => {
    const server = await startTrapped('echo bye; exit 0');
    await server.stop();
    expect(await server.exited).toBe(0);
    expect(server.output()).toBe('up\nbye\n');
  });

  test('falls to SIGKILL for a server that does not care, and for its children', async () => {
    const server = await start(`trap '' TERM; sh -c "trap '' TERM; ${forever}" & ${forever}`, {
      graceMs: 300,
    });
    const children = await until(
      () => childrenOf(server.pid),
      (found) => found.length > 0,
    );
    await server.stop();
    expect(await server.exited).toBe(137);
    expect(await allGone([server.pid, ...children], 2_000)).toBe(true);
  });

  test('twice, and after the end, is no mistake', async () => {
    const server = await start(forever);
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    await server.kill();
    expect(await isAlive(server.pid)).toBe(false);
  });
});

describe('the folder to remove', () => {
  const inside = () => path.join(folder, 'data');
  beforeEach(async () => {
    await mkdir(inside());
    await writeFile(path.join(inside(), 'file'), '');
  });

  test('goes when the server is stopped', async () => {
    const server = await start(forever, { removeAtEnd: inside() });
    await server.stop();
    expect(existsSync(inside())).toBe(false);
  });

  test('goes when the server had to be killed at its end', async () => {
    const server = await startTrapped('', { removeAtEnd: inside(), graceMs: 100 });
    await server.stop();
    expect(existsSync(inside())).toBe(false);
  });

  test('stays when the server crashes', async () => {
    const server = await start(forever, { removeAtEnd: inside() });
    await server.kill();
    expect(existsSync(inside())).toBe(true);
  });
});

describe('pausing', () => {
  test('stops the server and its children until they are woken', async () => {
    const server = await start(`sh -c '${forever}' & ${forever}`);
    const [child = 0] = await until(
      () => childrenOf(server.pid),
      (found) => found.length > 0,
    );
    await server.pause();
    expect([stateOf(server.pid), stateOf(child)]).toEqual(['T', 'T']);
    await server.resume();
    expect(stateOf(server.pid)).not.toBe('T');
    expect(stateOf(child)).not.toBe('T');
    await server.kill();
    expect(await allGone([child], 0)).toBe(true);
  });

  test('does not keep a server from being stopped or killed', async () => {
    for (const end of ['stop', 'kill'] as const) {
      const server = await start(forever);
      await server.pause();
      await server[end]();
      expect(await isAlive(server.pid)).toBe(false);
    }
  });

  test('a server that is gone is refused', async () => {
    const server = await start(forever);
    await server.stop();
    await expect(server.pause()).rejects.toThrow('not running');
    await expect(server.resume()).rejects.toThrow('not running');
  });
});
