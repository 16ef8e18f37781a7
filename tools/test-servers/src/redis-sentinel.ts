import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Binary } from './find.ts';
import { all, startAll, until, withClients } from './group.ts';
import { onFreePort, startDaemon, throwAwayPath } from './process.ts';
import { findRedis } from './redis.ts';
import { describeRedis, startRedisProcess } from './redis-like.ts';
import {
  foreignServer,
  type Life,
  OwnServer,
  type StartOptions,
  type TestServer,
} from './server.ts';

/** A Redis that sentinels watch; its faults strike all processes at once, those of `nodes` and `sentinels` one. */
export interface RedisSentinel extends TestServer {
  /** The addresses of the sentinels, separated by commas. */
  readonly url: string;
  /** What the sentinels call the master. */
  readonly master: string;
  /** First the node that began as master, then its replicas. */
  readonly nodes: readonly TestServer[];
  readonly sentinels: readonly TestServer[];
  /** Resolves once all sentinels know the same master and all replicas are in sync; a failover ends with this. */
  untilHealthy(): Promise<void>;
}

const kind = { name: 'Redis Sentinel', versionField: 'redis_version' };
const variable = 'TEST_REDIS_SENTINEL_URL';
const master = 'main';
const size = 3;

/**
 * Redis with a master, two replicas and three sentinels, ready when the master may be killed. A master that is silent
 * for a second is replaced.
 *
 * @throws ServerUnavailableError when there is none and none can be had
 */
export async function startRedisSentinel(options: StartOptions = {}): Promise<RedisSentinel> {
  const urls = process.env[variable];
  if (urls && !options.own) return foreignSentinel(urls);
  const binary = await findRedis();
  const first = await startNode(binary, []);
  const started = [first];
  try {
    const { port } = new URL(first.url);
    const replicaOf = ['--replicaof', `127.0.0.1 ${port}`];
    started.push(...(await startAll(size - 1, () => startNode(binary, replicaOf))));
    started.push(...(await startAll(size, () => startSentinel(binary, port))));
    const group = new OwnSentinel(started.slice(0, size), started.slice(size));
    await group.untilHealthy();
    return group;
  } catch (error) {
    await all(started, (server) => server.stop());
    throw error;
  }
}

class OwnSentinel implements RedisSentinel {
  readonly name = kind.name;
  readonly version: string;
  readonly found: string;
  readonly url: string;
  readonly master = master;
  readonly nodes: readonly TestServer[];
  readonly sentinels: readonly TestServer[];

  constructor(nodes: readonly TestServer[], sentinels: readonly TestServer[]) {
    this.nodes = nodes;
    this.sentinels = sentinels;
    this.version = nodes[0]?.version ?? '';
    this.found = nodes[0]?.found ?? '';
    this.url = sentinels.map((sentinel) => sentinel.url).join(',');
  }

  get pid(): number | undefined {
    return this.sentinels[0]?.pid;
  }

  untilHealthy(): Promise<void> {
    return untilHealthy(this.sentinels);
  }

  kill(): Promise<void> {
    return all(this.#everything, (server) => server.kill());
  }

  pause(): Promise<void> {
    return all(this.#everything, (server) => server.pause());
  }

  resume(): Promise<void> {
    return all(this.#everything, (server) => server.resume());
  }

  async restart(): Promise<void> {
    await all(this.#everything, (server) => server.restart());
    await this.untilHealthy();
  }

  stop(): Promise<void> {
    return all(this.#everything, (server) => server.stop());
  }

  get #everything(): readonly TestServer[] {
    return [...this.nodes, ...this.sentinels];
  }
}

/** The nodes behind it are not known by name: they are where the sentinels say. */
async function foreignSentinel(urls: string): Promise<RedisSentinel> {
  const facts = await Promise.all(urls.split(',').map((url) => describeRedis(kind, url, variable)));
  const sentinels = facts.map(foreignServer);
  const version = facts[0]?.version ?? 'unknown';
  return {
    ...foreignServer({ name: kind.name, version, found: variable, url: urls }),
    master,
    nodes: [],
    sentinels,
    untilHealthy: () => untilHealthy(sentinels),
  };
}

function startNode(binary: Binary, args: readonly string[]): Promise<TestServer> {
  const folder = throwAwayPath(kind.name);
  return onFreePort((port) => {
    const all = ['--repl-diskless-sync-delay', '0', ...args];
    return own(binary, port, () => startRedisProcess(kind.name, binary, folder, port, all));
  });
}

function startSentinel(binary: Binary, masterPort: string): Promise<TestServer> {
  const folder = throwAwayPath(kind.name);
  return onFreePort(async (port) => {
    // A sentinel keeps what it learns in its own file, also over a restart.
    const file = path.join(folder, 'sentinel.conf');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(file, settings(port, folder, masterPort));
    const daemon = { name: kind.name, binary, folder, args: [file, '--sentinel'] };
    return own(binary, port, () => startDaemon({ ...daemon, readyText: '+monitor' }));
  });
}

function settings(port: number, folder: string, masterPort: string): string {
  return [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${master} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${master} 1000`,
    `sentinel failover-timeout ${master} 5000`,
    '',
  ].join('\n');
}

async function own(binary: Binary, port: number, start: () => Promise<Life>): Promise<TestServer> {
  const life = await start();
  const facts = await describeRedis(kind, `redis://127.0.0.1:${port}`, binary.found);
  return new OwnServer(facts, life, start);
}

type Fields = Readonly<Record<string, string>>;

function fieldsOf(flat: unknown): Fields {
  const texts = Array.isArray(flat) ? flat.map(String) : [];
  const pairs = texts.flatMap((text, i) => (i % 2 === 0 ? [[text, texts[i + 1] ?? '']] : []));
  return Object.fromEntries(pairs);
}

async function untilHealthy(sentinels: readonly TestServer[]): Promise<void> {
  await withClients(sentinels, (clients) =>
    until('all sentinels know the same master and its replicas are in sync', async () => {
      const seen = await Promise.all(
        clients.map(async (client) => ({
          main: fieldsOf(await client.call('SENTINEL', 'MASTER', master)),
          replicas: ((await client.call('SENTINEL', 'REPLICAS', master)) as unknown[]).map(
            fieldsOf,
          ),
        })),
      );
      const ports = new Set(seen.map(({ main }) => main['port']));
      return ports.size === 1 && seen.every(({ main, replicas }) => isHealthy(main, replicas));
    }),
  );
}

function isHealthy(main: Fields, replicas: readonly Fields[]): boolean {
  const isInSync = ({ flags, ...replica }: Fields) =>
    flags === 'slave' &&
    replica['master-link-status'] === 'ok' &&
    replica['master-port'] === main['port'];
  return (
    main['flags'] === 'master' &&
    main['num-other-sentinels'] === String(size - 1) &&
    replicas.length === size - 1 &&
    replicas.every(isInSync)
  );
}
