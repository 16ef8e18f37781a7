import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type CheckoutCopy, copyCheckout } from './checkout-copy.ts';
import { freePorts, HouseProcess, type Who } from './house-process.ts';
import { processesOf } from './processes.ts';

const isRoot = process.getuid?.() === 0;
/** Of all machines' users the one with the least rights, and without a home. */
const nobody: Who | undefined = isRoot ? { uid: 65_534, gid: 65_534 } : undefined;

const cases = [
  { name: 'an ordinary user', who: nobody, isClosed: false },
  ...(isRoot
    ? [
        { name: 'root', who: undefined, isClosed: false },
        { name: 'root, below a folder that is closed to others', who: undefined, isClosed: true },
      ]
    : []),
];

describe.each(cases)('npm start by $name', ({ who, isClosed }) => {
  let copy: CheckoutCopy;
  let data: string;
  let ports: Record<string, string>;
  const cluster = () => realpathSync(path.join(data, 'postgres'));
  const left = () => processesOf(copy.folder, cluster());
  const start = () =>
    new HouseProcess({ checkout: copy.folder, who, env: ports, viaNpm: true }).ready();

  beforeAll(async () => {
    copy = copyCheckout({ ...(who && { who }), isClosed });
    data = path.join(copy.folder, '.data');
    const [house, users] = await freePorts(2);
    ports = { HOUSE_PORT: `${house}`, USER_SERVICE_PORT: `${users}` };
  });
  afterAll(() => {
    if (existsSync(path.join(data, 'postgres'))) rmSync(cluster(), { recursive: true });
    copy.remove();
  });

  test('greets with a command that works as pasted, and Ctrl-C ends everything within 5 s', async () => {
    const house = await start();
    const { stdout } = house;
    expect(stdout).toContain('Added 10,000 users.');
    expect(stdout).toContain(`http://127.0.0.1:${ports['HOUSE_PORT']}`);
    const command = /^ {2}(curl .*)$/m.exec(stdout)?.[1] ?? '';
    expect(execFileSync('bash', ['-c', command], { encoding: 'utf8', stdio: 'pipe' })).toMatch(
      /^HTTP\/1.1 200 OK\r\n.*"email":"[^"]+@/s,
    );
    for (const secret of ['api-token', 'database-password']) {
      expect(statSync(path.join(data, secret)).mode & 0o777).toBe(0o600);
    }
    expect(stdout.includes('because the data folder is closed to others')).toBe(isClosed);

    const { how, tookMs } = await house.ctrlC();
    expect(how).toBe(0);
    expect(tookMs).toBeLessThan(5000);
    expect(house.stderr).toBe('');
    expect(house.stdout).toMatch(/\nEnding \.\.\.\nEverything has ended\.\n$/);
    expect(left()).toEqual([]);
    expect(existsSync(path.join(cluster(), 'postmaster.pid'))).toBe(false);
  });

  test('keeps the data for the second start, which SIGTERM ends as well', async () => {
    const url = `http://127.0.0.1:${ports['USER_SERVICE_PORT']}/users`;
    const first = await start();
    const token = readFileSync(path.join(data, 'api-token'), 'utf8').trim();
    const created = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'kept@example.com', name: 'Kept' }),
    });
    expect(created.status).toBe(201);
    expect((await first.kill('SIGTERM')).tookMs).toBeLessThan(5000);
    await vi.waitUntil(() => left().length === 0, { timeout: 5000 });

    const second = await start();
    expect(second.stdout).not.toContain('Added');
    const kept = await fetch(new URL(created.headers.get('location') ?? '', url));
    expect(await kept.json()).toMatchObject({ email: 'kept@example.com' });
    await second.kill('SIGTERM');
    await vi.waitUntil(() => left().length === 0, { timeout: 5000 });
  });

  test('leaves no process when npm is killed, and can be started again', async () => {
    const killed = await start();
    expect(left().length).toBeGreaterThan(3);
    await killed.kill('SIGKILL');
    await vi.waitUntil(() => left().length === 0, { timeout: 5000 });

    const next = await start();
    expect((await next.ctrlC()).how).toBe(0);
    expect(left()).toEqual([]);
  });
});
