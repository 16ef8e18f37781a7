import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Binary, findBinary, onThisMachine, versionText } from './find.ts';
import { fromDebianPackage, fromSystemPackage } from './install.ts';
import { onFreePort, startDaemon, throwAwayPath } from './process.ts';
import { OwnServer, type StartOptions, type TestServer } from './server.ts';

/** Of a pooler in front of a PostgreSQL. */
export interface PgBouncerOptions extends StartOptions {
  /** The URL of the PostgreSQL behind it. */
  readonly target: string;
  /** How many connections it has to PostgreSQL. Default 2. */
  readonly poolSize?: number;
}

const machine = onThisMachine(['pgbouncer'], (text) => versionOf(text) !== undefined);

function findPgBouncer(): Promise<Binary> {
  return findBinary(
    'PgBouncer',
    [
      machine,
      fromDebianPackage('pgbouncer', 'usr/sbin/pgbouncer'),
      fromSystemPackage('pgbouncer', machine),
    ],
    'Install PgBouncer.',
  );
}

/**
 * PgBouncer with transaction pooling: every transaction may have another connection to PostgreSQL.
 *
 * @throws ServerUnavailableError when there is none and none can be had
 */
export async function startPgBouncer({
  target,
  poolSize = 2,
}: PgBouncerOptions): Promise<TestServer> {
  const binary = await findPgBouncer();
  const version = versionOf(await versionText(binary.file, binary.env)) ?? 'unknown';
  return onFreePort(async (port) => {
    const folder = throwAwayPath('pgbouncer');
    const start = () => startOwn(binary, folder, settings(new URL(target), port, poolSize));
    const life = await start();
    const url = new URL(target);
    url.port = `${port}`;
    return new OwnServer(
      { name: 'PgBouncer', version, found: binary.found, url: url.href },
      life,
      start,
    );
  });
}

async function startOwn(binary: Binary, folder: string, ini: string) {
  const file = path.join(folder, 'pgbouncer.ini');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(file, ini);
  // It refuses to be root, and changes after it has read its settings.
  const args = process.getuid?.() === 0 ? ['-u', 'nobody', file] : [file];
  return startDaemon({ name: 'PgBouncer', binary, args, folder, readyText: 'process up' });
}

function settings(target: URL, port: number, poolSize: number): string {
  const login = `user=${target.username} password=${target.password}`;
  return [
    '[databases]',
    `* = host=${target.hostname} port=${target.port} ${login}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    `default_pool_size = ${poolSize}`,
    'ignore_startup_parameters = extra_float_digits',
    '',
  ].join('\n');
}

function versionOf(text: string): string | undefined {
  return /PgBouncer (\d[\d.]*)/i.exec(text)?.[1];
}
