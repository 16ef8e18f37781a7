import { Redis } from 'ioredis';
import { ServerUnavailableError } from './errors.ts';
import type { Binary } from './find.ts';
import { onFreePort, startDaemon, throwAwayPath } from './process.ts';
import {
  type Facts,
  foreignServer,
  OwnServer,
  type StartOptions,
  type TestServer,
} from './server.ts';

export interface RedisOptions extends StartOptions {
  /**
   * Further arguments for the server, e.g. `['--appendonly', 'yes']`. Default: none; the server keeps everything in
   * memory, so that a restart empties it. Has no effect on a server of the environment.
   */
  readonly args?: readonly string[];
}

/** What differs between the servers that speak Redis' protocol. */
export interface Kind {
  readonly name: string;
  /** The line of `INFO server` that has the version. */
  readonly versionField: string;
}

interface Findable extends Kind {
  /** The variable that names a server which is already there. */
  readonly variable: string;
  readonly find: () => Promise<Binary>;
}

export async function startRedisLike(kind: Findable, options: RedisOptions): Promise<TestServer> {
  const url = process.env[kind.variable];
  if (url && !options.own) return foreignServer(await describeRedis(kind, url, kind.variable));
  const binary = await kind.find();
  return onFreePort(async (port) => {
    const folder = throwAwayPath(kind.name);
    const start = () => startRedisProcess(kind.name, binary, folder, port, options.args ?? []);
    const life = await start();
    const facts = await describeRedis(kind, `redis://127.0.0.1:${port}`, binary.found);
    return new OwnServer(facts, life, start);
  });
}

/** One redis-server or valkey-server on loopback, without persistence. */
export function startRedisProcess(
  name: string,
  binary: Binary,
  folder: string,
  port: number,
  args: readonly string[],
) {
  const own = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  const readyText = 'Ready to accept connections';
  return startDaemon({ name, binary, args: [...own, ...args], folder, readyText });
}

/** Asks a server for its version. */
export async function describeRedis(kind: Kind, url: string, found: string): Promise<Facts> {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 5_000, retryStrategy: null });
  let why: unknown;
  client.on('error', (error) => {
    why = error;
  });
  try {
    await client.connect();
    const info = await client.info('server');
    const version = new RegExp(`^${kind.versionField}:(\\S+)`, 'm').exec(info)?.[1] ?? 'unknown';
    return { name: kind.name, version, found, url };
  } catch (error) {
    const tried = `${found} (${url}): ${String(why ?? error)}`;
    throw new ServerUnavailableError(kind.name, [tried], 'Start it, or take the variable away.', {
      cause: error,
    });
  } finally {
    client.disconnect();
  }
}
