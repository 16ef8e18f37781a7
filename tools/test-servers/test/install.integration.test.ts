import { globSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startRedis, startValkey } from '../src/index.ts';
import { runNode } from './child.ts';

const script = path.join(import.meta.dirname, 'fixtures/install.child.ts');
let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(path.join(os.tmpdir(), 'shopgpt-cache-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

const install = (ms: number) => runNode([script, `${ms}`], { XDG_CACHE_HOME: cache });
const entries = () => readdir(path.join(cache, 'shopgpt-test-servers'));

describe('an installation into the cache folder', () => {
  test('says so in one line, and is found at once the second time', async () => {
    const first = await install(0);
    expect(first.stderr).toBe(`test-servers: installs a thing into ${first.stdout} (once)\n`);
    expect(await install(0)).toEqual({ ...first, stderr: '' });
  });

  test('is whole when several processes do it at once', async () => {
    const ended = await Promise.all([install(0), install(200), install(400)]);
    expect(new Set(ended.map(({ stdout, code }) => `${code} ${stdout}`)).size).toBe(1);
    expect(await entries()).toEqual(['thing-1.0']);
    expect(await readFile(path.join(`${ended[0]?.stdout}`, 'whole'), 'utf8')).toMatch(/^\d+$/);
  });

  test('that was interrupted never looks finished', async () => {
    const interrupted = new AbortController();
    const first = runNode([script, '60000'], { XDG_CACHE_HOME: cache }, interrupted.signal);
    const halves = () => globSync('*/.thing-1.0.*/half', { cwd: cache });
    await expect.poll(halves, { timeout: 20_000 }).toHaveLength(1);
    interrupted.abort();
    await first;
    const { stdout } = await install(0);
    expect(await readFile(path.join(stdout, 'whole'), 'utf8')).toMatch(/^\d+$/);
  });
});

describe.each([
  { name: 'Redis', start: startRedis },
  { name: 'Valkey', start: startValkey },
])('$name', ({ start }) => {
  test('needs no network once it was found', async () => {
    // No package manager can be reached: everything has to be here.
    vi.stubEnv('PATH', '/nowhere');
    const server = await start({ own: true });
    expect(server.pid).toBeGreaterThan(0);
    await server.stop();
  });

  test('that cannot be had says everything that was tried, and what to do', async () => {
    vi.stubEnv('PATH', '/nowhere');
    vi.stubEnv('XDG_CACHE_HOME', cache);
    vi.stubEnv('CI', '');
    await expect(start({ own: true })).rejects.toMatchObject({
      code: 'ERR_TEST_SERVERS_UNAVAILABLE',
      tried: expect.arrayContaining([expect.stringContaining('only with CI=true')]),
      message: expect.stringMatching(/Tried: .*Install .* or set TEST_\w+_URL/s),
    });
    expect(await entries()).toEqual([]);
  });
});
