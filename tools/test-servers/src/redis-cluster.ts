import type { Redis } from 'ioredis';
import type { Binary } from './find.ts';
import { all, startAll, until, withClients } from './group.ts';
import { freePort, onFreePort, throwAwayPath } from './process.ts';
import { findRedis } from './redis.ts';
import { describeRedis, startRedisProcess } from './redis-like.ts';
import { foreignServer, OwnServer, type StartOptions, type TestServer } from './server.ts';

/** A Redis Cluster; its faults strike all nodes at once, those of `nodes` one. */
export interface RedisCluster extends TestServer {
  /** The addresses of all nodes, separated by commas. */
  readonly url: string;
  /** First the nodes that began as masters, then their replicas in the same order. */
  readonly nodes: readonly TestServer[];
  /** Resolves once every node sees a whole cluster and every replica is in sync; a failover ends with this. */
  untilHealthy(): Promise<void>;
}

const variable = 'TEST_REDIS_CLUSTER_URL';
const masters = 3;
const slots = 16_384;

/**
 * Redis Cluster of 3 masters with a replica each, ready when a master may be killed.
 *
 * @throws ServerUnavailableError when there is none and none can be had
 */
export async function startRedisCluster(options: StartOptions = {}): Promise<RedisCluster> {
  const urls = process.env[variable];
  if (urls && !options.own) return foreignCluster(urls);
  const binary = await findRedis();
  const nodes = await startAll(2 * masters, () => startNode(binary));
  try {
    await join(nodes);
    await untilHealthy(nodes);
  } catch (error) {
    await all(nodes, (node) => node.stop());
    throw error;
  }
  return new OwnCluster(nodes);
}

class OwnCluster implements RedisCluster {
  readonly name = 'Redis Cluster';
  readonly version: string;
  readonly found: string;
  readonly url: string;
  readonly nodes: readonly TestServer[];

  constructor(nodes: readonly TestServer[]) {
    this.nodes = nodes;
    this.version = nodes[0]?.version ?? '';
    this.found = nodes[0]?.found ?? '';
    this.url = nodes.map((node) => node.url).join(',');
  }

  get pid(): number | undefined {
    return this.nodes[0]?.pid;
  }

  untilHealthy(): Promise<void> {
    return untilHealthy(this.nodes);
  }

  kill(): Promise<void> {
    return all(this.nodes, (node) => node.kill());
  }

  pause(): Promise<void> {
    return all(this.nodes, (node) => node.pause());
  }

  resume(): Promise<void> {
    return all(this.nodes, (node) => node.resume());
  }

  async restart(): Promise<void> {
    await all(this.nodes, (node) => node.restart());
    await this.untilHealthy();
  }

  stop(): Promise<void> {
    return all(this.nodes, (node) => node.stop());
  }
}

async function foreignCluster(urls: string): Promise<RedisCluster> {
  const facts = await Promise.all(urls.split(',').map((url) => describeRedis(kind, url, variable)));
  const nodes = facts.map(foreignServer);
  const version = facts[0]?.version ?? 'unknown';
  return {
    ...foreignServer({ name: kind.name, version, found: variable, url: urls }),
    nodes,
    untilHealthy: () => untilHealthy(nodes),
  };
}

const kind = { name: 'Redis Cluster', versionField: 'redis_version' };

function startNode(binary: Binary): Promise<TestServer> {
  const folder = throwAwayPath(kind.name);
  return onFreePort(async (port) => {
    const args = [
      ...['--cluster-enabled', 'yes', '--cluster-port', `${await freePort()}`],
      // A failover within seconds, as a test can wait for.
      ...['--cluster-node-timeout', '2000'],
      // A replica that is not in sync yet never replaces its master.
      ...['--repl-diskless-sync-delay', '0'],
    ];
    const start = () => startRedisProcess(kind.name, binary, folder, port, args);
    const life = await start();
    const facts = await describeRedis(kind, `redis://127.0.0.1:${port}`, binary.found);
    return new OwnServer(facts, life, start);
  });
}

/** Makes one cluster of empty nodes: the first ones share the slots, each of the others copies one of them. */
async function join(nodes: readonly TestServer[]): Promise<void> {
  await withClients(nodes, async (clients) => {
    const ids = await Promise.all(clients.map((client) => client.cluster('MYID')));
    await Promise.all(clients.slice(0, masters).map(takeSlots));
    const [first, ...others] = clients;
    const busPort = String((await first?.config('GET', 'cluster-port'))?.toString().split(',')[1]);
    const address = ['127.0.0.1', String(first?.options.port), busPort] as const;
    await Promise.all(others.map((client) => client.call('CLUSTER', 'MEET', ...address)));
    await until('every node knows the others', async () => {
      const seen = await Promise.all(clients.map((client) => client.cluster('NODES')));
      return seen.every((text) => countLines(String(text), 'connected') === nodes.length);
    });
    await Promise.all(
      clients.slice(masters).map((client, index) => client.cluster('REPLICATE', `${ids[index]}`)),
    );
  });
}

async function takeSlots(client: Redis, index: number): Promise<void> {
  const from = Math.floor((index * slots) / masters);
  const to = Math.floor(((index + 1) * slots) / masters) - 1;
  await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  await client.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
}

async function untilHealthy(nodes: readonly TestServer[]): Promise<void> {
  await withClients(nodes, (clients) =>
    until('the cluster is whole and its replicas in sync', async () => {
      const healthy = await Promise.all(clients.map((client) => isHealthy(client, nodes.length)));
      return healthy.every(Boolean);
    }),
  );
}

async function isHealthy(client: Redis, size: number): Promise<boolean> {
  const state = await client.cluster('INFO');
  const seen = String(await client.cluster('NODES'));
  const replication = await client.info('replication');
  const isInSync = /role:master/.test(replication) || /master_link_status:up/.test(replication);
  return (
    isInSync &&
    /cluster_state:ok/.test(state) &&
    countLines(seen, 'slave') === size - masters &&
    !/fail|handshake|noaddr/.test(seen)
  );
}

function countLines(text: string, word: string): number {
  const lines = text.split('\n');
  return lines.filter((line) => line.split(/[ ,]/).includes(word)).length;
}
